//! Finding a smaller scenario that fails as a large one did.

use super::options::LinkOptions;
use super::scenario::NUMBERS;
use super::swarm::Swarm;
use super::topology::Topology;
use crate::node::{Compress, PLAINTEXT, TLS};

/// With how many seeds each smaller scenario is tried: a change draws everything else anew, so that
/// what is needed for the failure may not come together with the first.
const SEEDS: u64 = 3;

/// What a failing scenario shrank to.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest scenario found that fails alike.
    pub swarm: Swarm,
    /// The text of its failure.
    pub failure: String,
    /// How many scenarios were lived through for that.
    pub attempts: usize,
}

impl Swarm {
    /// Looks for a smaller scenario that fails as this one did: with fewer nodes, fewer faults of
    /// fewer kinds, fewer messages, a shorter storm, plainer links. `failure` is the text of its
    /// failure, and `attempt` lives through a scenario and returns the text of that one's, if it
    /// fails: whoever calls catches the panic. Two failures are alike if their first lines differ
    /// in names and numbers alone.
    ///
    /// Takes at most `max_attempts` attempts. The same arguments give the same result.
    pub fn shrink(
        &self,
        failure: &str,
        max_attempts: usize,
        attempt: impl FnMut(&Self) -> Option<String>,
    ) -> Shrunk {
        let found = Shrunk { swarm: self.clone(), failure: failure.to_owned(), attempts: 0 };
        let mut search = Search { kind: kind_of(failure), found, max_attempts, attempt };
        // What could not be left out at first may be, when other things have gone.
        while search.pass() {}
        search.found
    }

    /// The same with another shape, other links and so on: each one step plainer.
    fn plainer(&self) -> Vec<Self> {
        let plain = Self::plain(self.seed);
        let mut all = Vec::new();
        for left_out in 0..self.attacks.len() {
            let mut fewer = self.clone();
            fewer.attacks.remove(left_out);
            all.push(fewer);
        }
        if self.encryption != PLAINTEXT {
            all.push(Self { encryption: PLAINTEXT, ..self.clone() });
        }
        if self.topology != Topology::Line {
            all.push(Self { topology: Topology::Line, ..self.clone() });
        }
        if self.link_back.is_some() {
            all.push(Self { link_back: None, ..self.clone() });
        }
        if self.from_both_ends {
            all.push(Self { from_both_ends: false, ..self.clone() });
        }
        if self.compress != Compress::WhenItPays {
            all.push(Self { compress: Compress::WhenItPays, ..self.clone() });
        }
        if !self.extension && self.encryption != TLS {
            all.push(Self { extension: true, ..self.clone() });
        }
        if self.link != plain.link {
            all.push(Self { link: plain.link.clone(), ..self.clone() });
            all.extend(self.with_plainer_link());
        }
        if self.max_frame_len != plain.max_frame_len {
            all.push(Self { max_frame_len: plain.max_frame_len, ..self.clone() });
        }
        // A whole number of milliseconds, so that it can be written down.
        let half = self.storm / 2;
        if half.as_millis() >= 1_000 {
            let storm = std::time::Duration::from_secs(half.as_secs());
            all.push(Self { storm, ..self.clone() });
        }
        all
    }

    fn with_plainer_link(&self) -> Vec<Self> {
        let plain = LinkOptions::default();
        let links = [
            LinkOptions { latency: plain.latency.clone(), ..self.link.clone() },
            LinkOptions { bandwidth: plain.bandwidth, ..self.link.clone() },
            LinkOptions { chunk_len: plain.chunk_len.clone(), ..self.link.clone() },
            LinkOptions { window_len: plain.window_len, ..self.link.clone() },
        ];
        let others = links.into_iter().filter(|link| *link != self.link);
        others.map(|link| Self { link, ..self.clone() }).collect()
    }
}

struct Search<F> {
    /// How the first failure reads without names and numbers.
    kind: String,
    found: Shrunk,
    max_attempts: usize,
    attempt: F,
}

impl<F: FnMut(&Swarm) -> Option<String>> Search<F> {
    /// Tries everything once. Returns whether anything has become smaller.
    fn pass(&mut self) -> bool {
        let before = self.found.swarm.to_line();
        for (_, field, range) in NUMBERS {
            if *range.start() <= 2 {
                self.lessen(field, *range.start());
            }
        }
        while self.found.swarm.plainer().into_iter().any(|swarm| self.try_it(&swarm)) {}
        // Another seed alone makes nothing smaller.
        let words = |line: &str| line.split_once(',').map(|(_, rest)| rest.to_owned());
        words(&before) != words(&self.found.swarm.to_line())
    }

    /// Brings a number down as far as it goes: to the least at once, or half of the way, a quarter
    /// of it, and so on.
    fn lessen(&mut self, field: super::scenario::Field, least: usize) {
        loop {
            let number = *field(&mut self.found.swarm);
            let mut step = number.saturating_sub(least);
            loop {
                if step == 0 {
                    return;
                }
                let mut swarm = self.found.swarm.clone();
                *field(&mut swarm) = number - step;
                if self.try_it(&swarm) {
                    break;
                }
                step /= 2;
            }
        }
    }

    /// Whether a scenario fails alike with one of a few seeds; then it is the smallest found.
    fn try_it(&mut self, swarm: &Swarm) -> bool {
        for more in 0..SEEDS {
            if self.found.attempts >= self.max_attempts {
                return false;
            }
            self.found.attempts += 1;
            let swarm = Swarm { seed: swarm.seed.wrapping_add(more), ..swarm.clone() };
            let failure = (self.attempt)(&swarm).filter(|text| kind_of(text) == self.kind);
            if let Some(failure) = failure {
                self.found = Shrunk { swarm, failure, ..self.found };
                return true;
            }
        }
        false
    }
}

/// The words of a failure's first line that no run has of its own.
fn kind_of(failure: &str) -> String {
    let line = failure.lines().next().unwrap_or_default();
    let is_common = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == ':');
    line.split_whitespace().filter(is_common).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shrinks by a failure that only looks at the scenario.
    fn shrunk(seed: u64, fails: fn(&Swarm) -> bool) -> Shrunk {
        let text = |swarm: &Swarm| {
            fails(swarm).then(|| format!("{}ms node {}: is wrong", swarm.seed, swarm.nodes))
        };
        let large = (seed..).map(Swarm::from_seed).find(fails).unwrap();
        large.shrink(&text(&large).unwrap(), 1_000, text)
    }

    #[test]
    fn only_what_a_failure_needs_is_left() {
        for seed in 0..50 {
            let needs_cuts = shrunk(seed, |swarm| swarm.faults.cuts >= 2);
            let line = needs_cuts.swarm.to_line();
            assert!(line.ends_with(",cuts=2,storm=1000ms"), "{line}");
            assert_eq!(line.split(',').count(), 3, "{line}");
            assert!(needs_cuts.failure.contains("node 2: "), "{}", needs_cuts.failure);
            let needs_more = shrunk(seed, |swarm| {
                swarm.nodes >= 5 && swarm.faults.crashes > 0 && swarm.link_back.is_some()
            });
            let line = needs_more.swarm.to_line();
            assert!(line.contains(",nodes=5,crashes=1,") && line.contains("link-back="), "{line}");
        }
    }

    #[test]
    fn another_failure_is_not_followed() {
        let large = (0..).map(Swarm::from_seed).find(|swarm| swarm.faults.cuts >= 3).unwrap();
        let text = |swarm: &Swarm| match swarm.faults.cuts {
            0 => Some("1ms node 1: quite another failure".to_owned()),
            1 | 2 => None,
            _ => Some("1ms node 1: this failure of xQ7".to_owned()),
        };
        let shrunk = large.shrink("9ms node 7: this failure of aB3", 1_000, text);
        assert_eq!(shrunk.swarm.faults.cuts, 3);
    }

    #[test]
    fn the_attempts_are_bounded_and_the_same_each_time() {
        let large = Swarm::from_seed(3);
        for max in [0, 1, 7] {
            let mut attempts = 0;
            let shrunk = large.shrink("wrong", max, |_| {
                attempts += 1;
                Some("wrong".to_owned())
            });
            assert_eq!((attempts, shrunk.attempts), (max, max));
        }
        let all = |_: &Swarm| Some("wrong".to_owned());
        let [one, two] = [(); 2].map(|()| large.shrink("wrong", 500, all));
        assert_eq!(one.swarm.to_line(), two.swarm.to_line());
        assert_eq!(one.swarm.to_line(), "seed=3,storm=1000ms");
        assert_eq!(one.attempts, two.attempts);
    }
}

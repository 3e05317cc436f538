//! A scenario as a line of text: what a failure prints, and what a test or the command line runs
//! again.
//!
//! The line names what differs from the plainest scenario of its seed: `seed=7,nodes=3,cuts=2`. So
//! it says what matters, and means the same when the draws of seeds have changed.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::attack::Attack;
use super::options::{Latency, LinkOptions};
use super::swarm::Swarm;
use super::topology::Topology;
use crate::node::{Compress, PKCS1, PLAINTEXT, TLS};

/// The field of a number that a scenario has.
pub(super) type Field = fn(&mut Swarm) -> &mut usize;

/// The numbers of a scenario by their names, with the range of each, the most costly first.
pub(super) const NUMBERS: [(&str, Field, RangeInclusive<usize>); 20] = [
    ("nodes", |swarm| &mut swarm.nodes, 2..=64),
    ("partitions", |swarm| &mut swarm.faults.partitions, 0..=MAX_COUNT),
    ("black-holes", |swarm| &mut swarm.faults.black_holes, 0..=MAX_COUNT),
    ("crashes", |swarm| &mut swarm.faults.crashes, 0..=MAX_COUNT),
    ("pauses", |swarm| &mut swarm.faults.pauses, 0..=MAX_COUNT),
    ("clocks", |swarm| &mut swarm.faults.clock_steps, 0..=MAX_COUNT),
    ("clogs", |swarm| &mut swarm.faults.clogs, 0..=MAX_COUNT),
    ("stalls", |swarm| &mut swarm.faults.stalls, 0..=MAX_COUNT),
    ("resets", |swarm| &mut swarm.faults.resets, 0..=MAX_COUNT),
    ("refusals", |swarm| &mut swarm.faults.refusals, 0..=MAX_COUNT),
    ("legacy", |swarm| &mut swarm.legacy, 0..=64),
    ("full-tables", |swarm| &mut swarm.faults.full_tables, 0..=MAX_COUNT),
    ("slow-machines", |swarm| &mut swarm.faults.slow_machines, 0..=MAX_COUNT),
    ("stops", |swarm| &mut swarm.faults.stops, 0..=MAX_COUNT),
    ("cuts", |swarm| &mut swarm.faults.cuts, 0..=MAX_COUNT),
    ("squeezes", |swarm| &mut swarm.squeezes, 0..=MAX_COUNT),
    ("dozes", |swarm| &mut swarm.dozes, 0..=MAX_COUNT),
    ("bursts", |swarm| &mut swarm.bursts, 0..=100),
    ("actions", |swarm| &mut swarm.actions, 0..=MAX_COUNT),
    ("max-frame-len", |swarm| &mut swarm.max_frame_len, 1 << 10..=64 << 20),
];

const MAX_COUNT: usize = 10_000;

/// The longest time that a scenario may give its faults, in milliseconds.
const MAX_STORM: u64 = 3_600_000;

/// The encryptions of this build.
const ENCRYPTIONS: [(&str, bool); 3] =
    [(PLAINTEXT, true), (PKCS1, cfg!(feature = "rsa")), (TLS, cfg!(feature = "tls"))];

/// A word of a scenario's line that means nothing, or not that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    word: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.word.as_str() {
            "" => f.write_str("a scenario begins with seed=NUMBER"),
            word => write!(f, "a scenario has no such word: {word}"),
        }
    }
}

impl std::error::Error for ScenarioError {}

impl Swarm {
    /// The scenario in a line from which it can be made again.
    pub fn to_line(&self) -> String {
        let plain = Self::plain(self.seed);
        let mut words = vec![format!("seed={}", self.seed)];
        let (mut found, mut usual) = (self.clone(), plain.clone());
        for (name, field, _) in NUMBERS {
            let number = *field(&mut found);
            if number != *field(&mut usual) {
                words.push(format!("{name}={number}"));
            }
        }
        let mut add = |differs: bool, name: &str, value: &dyn fmt::Display| {
            if differs {
                words.push(format!("{name}={value}"));
            }
        };
        add(self.storm != plain.storm, "storm", &format_args!("{}ms", self.storm.as_millis()));
        add(self.topology != plain.topology, "topology", &ShapeText(&self.topology));
        add(self.link != plain.link, "link", &LinkText(&self.link));
        if let Some(link) = &self.link_back {
            add(true, "link-back", &LinkText(link));
        }
        add(self.from_both_ends, "from-both-ends", &true);
        add(!self.extension, "extension", &false);
        add(self.compress != plain.compress, "compress", &self.compress.name());
        add(self.encryption != plain.encryption, "encryption", &self.encryption);
        let attacks: Vec<_> = self.attacks.iter().map(Attack::to_string).collect();
        add(!attacks.is_empty(), "attacks", &attacks.join("+"));
        words.join(",")
    }

    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        if let Some((_, field, range)) = NUMBERS.iter().find(|(known, ..)| *known == name) {
            *field(self) = value.parse().ok().filter(|number| range.contains(number))?;
            return Some(());
        }
        match name {
            "storm" => {
                let millis = value.strip_suffix("ms")?.parse().ok();
                self.storm =
                    Duration::from_millis(millis.filter(|it| (1..=MAX_STORM).contains(it))?);
            }
            "topology" => self.topology = read_shape(value)?,
            "link" => self.link = read_link(value)?,
            "link-back" => self.link_back = Some(read_link(value)?),
            "from-both-ends" => self.from_both_ends = value.parse().ok()?,
            "extension" => self.extension = value.parse().ok()?,
            "attacks" => {
                let named = |name: &str| Attack::ALL.into_iter().find(|it| it.to_string() == name);
                self.attacks = value.split('+').map(named).collect::<Option<_>>()?;
            }
            "compress" => self.compress = Compress::parse(value)?,
            "encryption" => {
                let known = ENCRYPTIONS.into_iter().find(|(name, has)| *has && *name == value);
                self.encryption = known?.0;
            }
            _ => return None,
        }
        Some(())
    }
}

impl FromStr for Swarm {
    type Err = ScenarioError;

    /// Reads what [`Swarm::to_line`] has written.
    fn from_str(text: &str) -> Result<Self, ScenarioError> {
        let mut words = text.trim().split(',');
        let first = words.next().and_then(|word| word.strip_prefix("seed=")?.parse().ok());
        let mut swarm = Self::plain(first.ok_or(ScenarioError { word: String::new() })?);
        for word in words {
            let read = word.split_once('=').and_then(|(name, value)| swarm.set(name, value));
            read.ok_or_else(|| ScenarioError { word: word.chars().take(80).collect() })?;
        }
        let Topology::Custom(links) = &swarm.topology else { return Ok(swarm) };
        let is_there = |&(from, to): &(usize, usize)| from != to && from.max(to) < swarm.nodes;
        if links.iter().all(is_there) {
            Ok(swarm)
        } else {
            Err(ScenarioError { word: format!("topology={}", ShapeText(&swarm.topology)) })
        }
    }
}

/// `ring`, `random:4` or `custom:0-1+1-2`.
struct ShapeText<'a>(&'a Topology);

impl fmt::Display for ShapeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())?;
        match self.0 {
            Topology::Random { degree } => write!(f, ":{degree}"),
            Topology::Custom(links) => {
                let links: Vec<_> = links.iter().map(|(from, to)| format!("{from}-{to}")).collect();
                write!(f, ":{}", links.join("+"))
            }
            _ => Ok(()),
        }
    }
}

fn read_shape(text: &str) -> Option<Topology> {
    let (name, rest) = text.split_once(':').unwrap_or((text, ""));
    let shape = match name {
        "random" => Topology::Random { degree: rest.parse().ok().filter(|degree| *degree <= 64)? },
        "custom" => {
            let link = |text: &str| {
                let (from, to) = text.split_once('-')?;
                Some((from.parse().ok()?, to.parse().ok()?))
            };
            Topology::Custom(rest.split('+').map(link).collect::<Option<_>>()?)
        }
        _ => {
            let shapes = [Topology::Line, Topology::Ring, Topology::Star, Topology::Grid];
            shapes.into_iter().find(|shape| shape.name() == text)?
        }
    };
    Some(shape)
}

/// Latency, bytes a second, the sizes of pieces, and the window:
/// `uniform:1000us-51000us/10000000/1-65536/262144`.
struct LinkText<'a>(&'a LinkOptions);

impl fmt::Display for LinkText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LinkOptions { latency, bandwidth, chunk_len, window_len } = self.0;
        match latency {
            Latency::Fixed(time) => write!(f, "fixed:{}us", time.as_micros())?,
            Latency::Uniform(least, most) => {
                write!(f, "uniform:{}us-{}us", least.as_micros(), most.as_micros())?;
            }
            Latency::Exponential { min, mean } => {
                write!(f, "exponential:{}us-{}us", min.as_micros(), mean.as_micros())?;
            }
        }
        write!(f, "/{bandwidth}/{}-{}/{window_len}", chunk_len.start(), chunk_len.end())
    }
}

fn read_link(text: &str) -> Option<LinkOptions> {
    let mut parts = text.split('/');
    let latency = read_latency(parts.next()?)?;
    let bandwidth = parts.next()?.parse().ok().filter(|it| *it > 0)?;
    let (least, most) = parts.next()?.split_once('-')?;
    let (least, most): (usize, usize) = (least.parse().ok()?, most.parse().ok()?);
    let window_len = parts.next()?.parse().ok().filter(|it| *it > 0)?;
    let is_range = 0 < least && least <= most && parts.next().is_none();
    is_range.then_some(LinkOptions { latency, bandwidth, chunk_len: least..=most, window_len })
}

fn read_latency(text: &str) -> Option<Latency> {
    let (kind, times) = text.split_once(':')?;
    // An hour is more than any promise is patient with.
    let time = |text: &str| {
        let micros = text.strip_suffix("us")?.parse().ok().filter(|it| *it <= 3_600_000_000)?;
        Some(Duration::from_micros(micros))
    };
    let two = || times.split_once('-').and_then(|(one, two)| Some((time(one)?, time(two)?)));
    match kind {
        "fixed" => time(times).map(Latency::Fixed),
        "uniform" => two().map(|(least, most)| Latency::Uniform(least, most)),
        "exponential" => two().map(|(min, mean)| Latency::Exponential { min, mean }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_made_again_from_its_line() {
        for seed in 0..300 {
            let swarm = Swarm::from_seed(seed);
            assert_eq!(swarm.to_line().parse(), Ok(swarm));
        }
        let custom = "seed=1,nodes=3,storm=7ms,topology=custom:0-1+2-1";
        assert_eq!(custom.parse::<Swarm>().map(|swarm| swarm.to_line()), Ok(custom.to_owned()));
    }

    #[test]
    fn a_plain_scenario_is_its_seed_alone() {
        assert_eq!(Swarm::plain(9).to_line(), "seed=9");
        let mut swarm = Swarm::plain(9);
        swarm.faults.cuts = 2;
        assert_eq!(swarm.to_line(), "seed=9,cuts=2");
    }

    #[test]
    fn a_word_that_means_nothing_is_named() {
        for (line, word) in [
            ("", ""),
            ("nodes=3", ""),
            ("seed=x", ""),
            ("seed=1,frobs=3", "frobs=3"),
            ("seed=1,nodes=1", "nodes=1"),
            ("seed=1,nodes=65", "nodes=65"),
            ("seed=1,cuts", "cuts"),
            ("seed=1,cuts=10001", "cuts=10001"),
            ("seed=1,storm=0ms", "storm=0ms"),
            ("seed=1,storm=99999999999999999999ms", "storm=99999999999999999999ms"),
            ("seed=1,topology=random", "topology=random"),
            ("seed=1,topology=random:99", "topology=random:99"),
            ("seed=1,topology=custom:0-2", "topology=custom:0-2"),
            ("seed=1,topology=custom:1-1", "topology=custom:1-1"),
            ("seed=1,encryption=ROT13", "encryption=ROT13"),
            ("seed=1,link=fixed:1us/0/1-1/9", "link=fixed:1us/0/1-1/9"),
            ("seed=1,link=fixed:1us/9/2-1/9", "link=fixed:1us/9/2-1/9"),
            ("seed=1,link=fixed:1us/9/0-1/9", "link=fixed:1us/9/0-1/9"),
            ("seed=1,link=fixed:9999999999us/9/1-1/9", "link=fixed:9999999999us/9/1-1/9"),
        ] {
            let error = line.parse::<Swarm>().unwrap_err();
            assert_eq!(error.word, word, "{line}");
        }
    }
}

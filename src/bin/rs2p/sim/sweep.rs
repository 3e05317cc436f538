//! Many small scenarios, each drawn from its seed, or one that is given.

use rs2p::sim::{Shrunk, Swarm, SwarmReport};
use serde_json::{Value, json};

use super::attempt::attempt;
use super::options::Options;
use super::show_text;
use crate::clock::{self, Pulse};
use crate::console::{self, Console, OutputError, Tone, count, grouped, human};

/// The most failures of which the whole text is shown.
const MAX_SHOWN: usize = 3;

/// How many scenarios are lived through to find a smaller one.
pub(super) const MAX_ATTEMPTS: usize = 500;

/// A scenario in which a check failed.
#[derive(Debug)]
struct Failed {
    swarm: Swarm,
    failure: String,
    shrunk: Option<Shrunk>,
}

/// Lives through scenarios, and tells of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sweep<'a> {
    console: &'a Console,
    json: bool,
    shrink: bool,
    draw: fn(u64) -> Swarm,
    live: fn(&Swarm) -> SwarmReport,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(console: &'a Console, options: &Options) -> Self {
        let draw: fn(u64) -> Swarm =
            if options.strangers { Swarm::with_strangers } else { Swarm::from_seed };
        Self { console, json: options.json, shrink: options.shrink, draw, live: Swarm::run }
    }

    /// Runs the scenarios of `amount` seeds from `first` on. Returns whether every check held.
    pub(super) fn run_seeds(self, first: u64, amount: u64) -> Result<bool, OutputError> {
        self.console.line(format_args!("{} from seed {first} on", count(amount, "scenario")));
        self.run((0..amount).map(|number| (self.draw)(first.wrapping_add(number))))
    }

    /// Runs these scenarios. Returns whether every check held.
    pub(super) fn run(self, scenarios: impl Iterator<Item = Swarm>) -> Result<bool, OutputError> {
        let start = clock::now();
        let mut pulse = Pulse::new();
        let mut failed: Vec<Failed> = Vec::new();
        let (mut deliveries, mut arrivals, mut amount) = (0, 0, 0);
        let mut seed = None;
        for swarm in scenarios {
            if pulse.is_due() {
                let bad = failed.len();
                self.console.progress("sweep", format_args!("{amount} done, {bad} failed"));
            }
            seed.get_or_insert_with(|| swarm.seed());
            amount += 1;
            match attempt(|| (self.live)(&swarm)) {
                Ok(report) => {
                    deliveries += report.deliveries;
                    arrivals += report.arrivals;
                }
                Err(failure) => {
                    let failed_before = failed.len();
                    let mut it = Failed { swarm, failure, shrunk: None };
                    self.show(&it, failed_before < MAX_SHOWN);
                    if self.shrink && failed_before == 0 {
                        it.shrunk = Some(self.shrink(&it));
                    }
                    failed.push(it);
                }
            }
        }
        let real = start.elapsed();
        let text = format!("{} and {} in", grouped(deliveries), count(arrivals, "arrival"));
        self.console.labelled(Tone::Plain, "delivered", format_args!("{text} {}", human(real)));
        self.show_verdict(amount, failed.len() as u64);
        if self.json {
            let object = json!({
                "ok": failed.is_empty(), "seed": seed, "count": amount,
                "failed": failed.iter().map(Failed::to_json).collect::<Vec<_>>(),
                "deliveries": deliveries, "arrivals": arrivals,
                "real": { "us": u64::try_from(real.as_micros()).unwrap_or(u64::MAX) },
            });
            console::print(&format!("{object}\n"))?;
        }
        Ok(failed.is_empty())
    }

    fn shrink(self, failed: &Failed) -> Shrunk {
        let mut pulse = Pulse::new();
        let mut attempts = 0;
        let shrunk = failed.swarm.shrink(&failed.failure, MAX_ATTEMPTS, |swarm| {
            if pulse.is_due() {
                let text = format_args!("{attempts} of up to {MAX_ATTEMPTS} attempts");
                self.console.progress("shrink", text);
            }
            attempts += 1;
            attempt(|| (self.live)(swarm)).err()
        });
        let line = shrunk.swarm.to_line();
        let attempts = count(shrunk.attempts as u64, "attempt");
        self.console.labelled(Tone::Bad, "shrunk", format_args!("to {line} in {attempts}"));
        show_text(self.console, "why", &shrunk.failure);
        let again = format_args!("rs2p sim --scenario {line}");
        self.console.labelled(Tone::Plain, "again", again);
        shrunk
    }

    fn show(self, failed: &Failed, is_whole: bool) {
        let Failed { swarm, failure, .. } = failed;
        self.console.labelled(Tone::Bad, "failed", swarm);
        let first_line = failure.lines().next().unwrap_or_default();
        show_text(self.console, "why", if is_whole { failure } else { first_line });
        let seed = swarm.seed();
        let again = if *swarm == Swarm::from_seed(seed) {
            format!("rs2p sim --sweep 1 --seed {seed}")
        } else if *swarm == Swarm::with_strangers(seed) {
            format!("rs2p sim --sweep 1 --seed {seed} --strangers")
        } else {
            format!("rs2p sim --scenario {}", swarm.to_line())
        };
        self.console.labelled(Tone::Plain, "again", again);
    }

    fn show_verdict(self, amount: u64, failed: u64) {
        if failed == 0 {
            self.console.labelled(Tone::Good, "ok", "every check held in every scenario");
        } else {
            let text = format!("{} of {}", grouped(failed), count(amount, "scenario"));
            self.console.labelled(Tone::Bad, "failed", text);
        }
    }
}

impl Failed {
    fn to_json(&self) -> Value {
        let shrunk = self.shrunk.as_ref().map(|it| {
            json!({
                "scenario": it.swarm.to_line(), "failure": it.failure, "attempts": it.attempts,
            })
        });
        json!({
            "seed": self.swarm.seed(), "scenario": self.swarm.to_line(),
            "failure": self.failure, "shrunk": shrunk,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails where connections are cut twice in a mesh of three or more.
    fn live(swarm: &Swarm) -> SwarmReport {
        let Swarm { nodes, faults, .. } = swarm;
        let seed = swarm.seed();
        if *nodes >= 3 && faults.cuts >= 2 {
            panic!("{seed}.5ms node {nodes}: is wrong\nseed {seed}\ntrace");
        }
        SwarmReport { deliveries: 0, arrivals: 0, trace_hash: 0 }
    }

    #[test]
    fn a_failing_sweep_shrinks_its_first_failure_to_what_it_needs() {
        let console = Console::stderr();
        let draw = Swarm::from_seed;
        let sweep = Sweep { console: &console, json: false, shrink: true, draw, live };
        let swarm = (0..).map(Swarm::from_seed).find(|swarm| attempt(|| live(swarm)).is_err());
        let swarm = swarm.unwrap();
        let failure = attempt(|| live(&swarm)).unwrap_err();
        let shrunk = sweep.shrink(&Failed { swarm, failure, shrunk: None });
        assert!(shrunk.swarm.to_line().ends_with(",nodes=3,cuts=2,storm=1000ms"), "{shrunk:?}");
        assert!(shrunk.failure.ends_with("\ntrace"));
        assert!(attempt(|| live(&shrunk.swarm)).is_err());
        assert!(!sweep.run(std::iter::once(shrunk.swarm)).unwrap());
    }
}

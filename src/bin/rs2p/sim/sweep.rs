//! Many small scenarios, each drawn from its seed.

use rs2p::sim::Swarm;
use serde_json::json;

use super::attempt::attempt;
use super::show_text;
use crate::clock::{self, Pulse};
use crate::console::{self, Console, OutputError, Tone, count, grouped, human};

/// The most failures of which the whole text is shown.
const MAX_SHOWN: usize = 3;

/// A scenario in which a check failed.
#[derive(Debug)]
struct Failed {
    seed: u64,
    scenario: String,
    failure: String,
}

/// Runs the scenarios of `amount` seeds from `first` on. Returns whether every check held.
pub(super) fn run(
    first: u64,
    amount: u64,
    console: &Console,
    json: bool,
) -> Result<bool, OutputError> {
    let start = clock::now();
    let mut pulse = Pulse::new();
    let mut failed = Vec::new();
    let (mut deliveries, mut arrivals) = (0, 0);
    console.line(format_args!("{} from seed {first} on", count(amount, "scenario")));
    for done in 0..amount {
        if pulse.is_due() {
            let bad = failed.len();
            console.progress("sweep", format_args!("{done} of {amount} done, {bad} failed"));
        }
        let swarm = Swarm::from_seed(first.wrapping_add(done));
        match attempt(|| swarm.run()) {
            Ok(report) => {
                deliveries += report.deliveries;
                arrivals += report.arrivals;
            }
            Err(failure) => {
                let seed = first.wrapping_add(done);
                let it = Failed { seed, scenario: swarm.to_string(), failure };
                show(console, &it, failed.len() < MAX_SHOWN);
                failed.push(it);
            }
        }
    }
    let real = start.elapsed();
    let text = format!("{} and {} in", grouped(deliveries), count(arrivals, "arrival"));
    console.labelled(Tone::Plain, "delivered", format_args!("{text} {}", human(real)));
    show_verdict(console, amount, failed.len() as u64);
    let is_ok = failed.is_empty();
    if json {
        let failed: Vec<_> = failed
            .iter()
            .map(|it| json!({ "seed": it.seed, "scenario": it.scenario, "failure": it.failure }))
            .collect();
        let object = json!({
            "ok": is_ok, "seed": first, "count": amount, "failed": failed,
            "deliveries": deliveries, "arrivals": arrivals,
            "real": { "us": u64::try_from(real.as_micros()).unwrap_or(u64::MAX) },
        });
        console::print(&format!("{object}\n"))?;
    }
    Ok(is_ok)
}

fn show(console: &Console, failed: &Failed, is_whole: bool) {
    let Failed { seed, scenario, failure } = failed;
    console.labelled(Tone::Bad, "failed", scenario);
    let first_line = failure.lines().next().unwrap_or_default();
    show_text(console, "why", if is_whole { failure } else { first_line });
    console.labelled(Tone::Plain, "again", format_args!("rs2p sim --sweep 1 --seed {seed}"));
}

fn show_verdict(console: &Console, amount: u64, failed: u64) {
    if failed == 0 {
        console.labelled(Tone::Good, "ok", "every check held in every scenario");
    } else {
        let text = format!("{} of {}", grouped(failed), count(amount, "scenario"));
        console.labelled(Tone::Bad, "failed", text);
    }
}

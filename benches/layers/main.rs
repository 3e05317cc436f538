//! Measures rs2p layer by layer, from the codec to whole meshes. `benches/README.md` tells what
//! each bench is, and how to run and compare them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints its figures, and stops at what it cannot measure"
)]

mod case;
mod codec;
mod golden;
mod node_step;
mod options;
mod payload;
mod report;
mod seen_cache;
#[cfg(feature = "tls")]
mod signatures;
mod simulator;
mod sockets;
mod stage;
mod stopwatch;

use std::process::ExitCode;

use case::Case;
use options::{Mode, Options};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(fault) => {
            eprintln!("layers: {fault}");
            return ExitCode::from(2);
        }
    };
    let mut cases = all_cases();
    cases.retain(|case| options.wants(&case.name));
    if cases.is_empty() {
        eprintln!("layers: no bench has such a name; --list prints them all");
        return ExitCode::from(2);
    }
    match options.mode {
        Mode::Table => report::table(&cases),
        Mode::Tsv => report::tsv(&cases),
        Mode::List => cases.iter().for_each(|case| println!("{}", case.name)),
        Mode::ListPure => {
            cases.iter().filter(|case| case.is_pure).for_each(|case| println!("{}", case.name));
        }
        Mode::Test => {
            for case in &cases {
                case.open().prepare().run();
                println!("{} ran", case.name);
            }
        }
        Mode::Count => cases.iter().for_each(count),
    }
    ExitCode::SUCCESS
}

fn all_cases() -> Vec<Case> {
    let pure = [codec::cases(), seen_cache::cases(), node_step::cases()];
    let pure = pure.into_iter().flatten().map(Case::pure);
    // TLS draws entropy, so that no two of its runs are the same.
    #[cfg(feature = "tls")]
    let pure = pure.chain(signatures::cases());
    pure.chain(sockets::cases()).chain(simulator::cases()).collect()
}

/// Runs a batch after another one has warmed everything up. `benches/instructions` counts what
/// happens inside of [`case::Batch::run_counted`] alone, and reads what this prints.
fn count(case: &Case) {
    let mut source = case.open();
    source.prepare().run();
    let units = source.prepare().run_counted();
    println!("{units} {} {}", case.unit, case.len);
}

//! `rs2p sim`: a whole mesh in virtual time, from one seed, with faults on demand.
//!
//! Knows who speaks when, which faults come in between, and what has to arrive. The nodes, the
//! network and the checks are the library's simulator; nothing here sees the inside of either.

mod attempt;
mod error;
mod faults;
mod listener;
mod memory;
mod options;
mod report;
mod scenario;
mod sweep;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::Failure;
use crate::console::{self, Console, Tone};
use crate::seed;
use attempt::attempt;
pub(crate) use error::SimError;
use options::Options;
pub(crate) use options::{HELP, SUMMARY};
use report::Report;
use scenario::Scenario;
use sweep::Sweep;

pub(crate) fn run(parser: lexopt::Parser) -> Result<ExitCode, Failure> {
    let options = Options::parse(parser)?;
    let seed = seed::choose(options.seed).map_err(SimError::Entropy)?;
    let console = if options.json { Console::stderr() } else { Console::stdout() };
    let sweep = Sweep::new(&console, &options);
    let is_ok = match (&options.scenario, options.sweep) {
        (Some(swarm), _) => sweep.run(std::iter::once(swarm.clone()))?,
        (None, Some(count)) => sweep.run_seeds(seed, count)?,
        (None, None) => run_scenario(&options, seed, &console)?,
    };
    console.finish()?;
    Ok(if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_scenario(options: &Options, seed: u64, console: &Console) -> Result<bool, Failure> {
    // Before the work, so that a path that cannot be written is told at once.
    let trace = options.trace.as_deref().map(|path| create(path).map(|file| (path, file)));
    let trace = trace.transpose()?;
    let mut report = Report::new(options, seed);
    report.show_start(console);
    let mut scenario = Scenario::new(options, seed, console);
    // After a failure nothing is asked of the world but its trace.
    let outcome = attempt(|| scenario.run(&mut report));
    report.failure = outcome.err();
    if let Some((path, file)) = trace {
        write_trace(path, file, scenario.trace())?;
    }
    report.show_result(console);
    if options.json {
        console::print(&report.to_json())?;
    }
    Ok(report.is_ok())
}

fn create(path: &Path) -> Result<File, SimError> {
    File::create(path).map_err(|error| SimError::trace(path, error))
}

fn write_trace(
    path: &Path,
    file: File,
    lines: impl Iterator<Item = String>,
) -> Result<(), SimError> {
    let mut writer = BufWriter::new(file);
    let mut lines = lines;
    let written = lines.try_for_each(|line| writeln!(writer, "{line}"));
    written.and_then(|()| writer.flush()).map_err(|error| SimError::trace(path, error))
}

/// Shows a text of several lines, the first behind its label.
fn show_text(console: &Console, label: &str, text: &str) {
    let mut lines = text.lines();
    console.labelled(Tone::Bad, label, lines.next().unwrap_or_default());
    for line in lines {
        console.line(format_args!("  {line}"));
    }
}

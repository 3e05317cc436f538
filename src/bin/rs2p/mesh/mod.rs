//! `rs2p mesh`: a whole mesh of real nodes in one process, and proof that it delivers.
//!
//! Knows topologies, rounds of messages and who must get what. Uses the library as any program does:
//! nothing here sees the wire or the inside of a node.

mod delivery;
mod error;
mod ledger;
mod nodes;
mod options;
mod phase;
mod plan;
mod receivers;
mod report;
mod storm;
mod view;
mod watch;

use std::process::ExitCode;
use std::time::Duration;

use crate::Failure;
use crate::clock::{self, Pulse};
use crate::console::{self, Console};
use crate::interrupt::{self, Interrupt};
use crate::seed;
use crate::topology::Links;
use crate::traffic::Traffic;
use delivery::Delivery;
pub(crate) use error::MeshError;
use ledger::Ledger;
use nodes::Nodes;
use options::Options;
pub(crate) use options::{HELP, SUMMARY};
use phase::Phase;
use receivers::{Body, Receivers};
use report::Report;
use storm::Storm;
use watch::Watch;

/// How often it is looked whether the mesh is quiet, and how long at most.
const SETTLE_PERIOD: Duration = Duration::from_millis(5);
const SETTLE_TIMEOUT: Duration = Duration::from_secs(1);

/// How often in a row it must look quiet before the first message.
const CALM_LOOKS: u32 = 4;

pub(crate) fn run(parser: lexopt::Parser) -> Result<ExitCode, Failure> {
    let options = Options::parse(parser)?;
    let seed = seed::choose(options.seed).map_err(MeshError::Entropy)?;
    let console = if options.json { Console::stderr() } else { Console::stdout() };
    let interrupt = Interrupt::watch();
    let run = Run { options: &options, console: &console, interrupt: &interrupt };
    let report = run.run(seed)?;
    console.finish()?;
    if options.json {
        console::print(&report.to_json())?;
    }
    Ok(match report.interrupted {
        Some(_) => ExitCode::from(interrupt::EXIT_CODE),
        None if report.is_ok() => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    })
}

/// One run of the command.
struct Run<'a> {
    options: &'a Options,
    console: &'a Console,
    interrupt: &'a Interrupt,
}

impl Run<'_> {
    fn run(&self, seed: u64) -> Result<Report, MeshError> {
        let start = clock::now();
        let links = Links::new(&self.options.topology, self.options.nodes, seed);
        nodes::check_open_files(self.options, links.pairs().len())?;
        let mut report = Report::new(self.options, seed, &links);
        report.show_start(self.console);

        let storm = self.options.chaos.as_ref().and_then(|text| Storm::new(text, seed));
        let nodes = self.bind(storm.as_ref(), &mut report)?;
        self.join(&nodes, &links, &mut report)?;
        let body = Body::new(self.options.size, seed);
        let receivers = Receivers::start(&nodes, &body)?;
        let mut ledger = Ledger::new(nodes.ids());
        if nodes.count() > 1 && report.interrupted.is_none() {
            let before = calm(&nodes, &receivers, &mut ledger);
            let phase = clock::now();
            let (all, links) = (&links, links.pairs().len());
            let watch = Watch::new(self.console, &nodes, self.options.plan, links, phase);
            let Self { options, interrupt, .. } = *self;
            let has_cuts = storm.as_ref().is_some_and(Storm::has_cuts);
            if let Some(storm) = &storm {
                if has_cuts {
                    nodes.keep(all);
                }
                storm.switch(true);
            }
            let (nodes, receivers, body) = (&nodes, &receivers, &body);
            Delivery { options, interrupt, nodes, receivers, body, has_cuts }.run(
                &mut ledger,
                watch,
                phase,
            )?;
            if let Some(storm) = &storm {
                storm.switch(false);
                report.chaos = Some(storm.counts());
            }
            report.times.deliver = phase.elapsed();
            self.note_interrupt(Phase::Deliver, &mut report);
            report.traffic = settle(nodes, receivers, &mut ledger, &before);
        }

        let phase = clock::now();
        report.closed = nodes.close(|done| self.progress("closing", done, nodes.count()));
        report.times.close = phase.elapsed();
        receivers.finish(|receipt| {
            ledger.record(&receipt);
        });
        report.times.total = start.elapsed();
        report.take(ledger);
        report.show_result(self.console);
        nodes.finish_records()?;
        Ok(report)
    }

    fn bind(&self, storm: Option<&Storm>, report: &mut Report) -> Result<Nodes, MeshError> {
        let phase = clock::now();
        let total = self.options.nodes;
        let mut pulse = Pulse::new();
        let nodes = Nodes::bind(self.options, storm, self.interrupt, |done| {
            if pulse.is_due() {
                self.progress("nodes", done, total);
            }
        })?;
        report.times.bind = phase.elapsed();
        report.opened = nodes.count();
        report.show_nodes(self.console, &nodes);
        self.note_interrupt(Phase::Bind, report);
        Ok(nodes)
    }

    fn join(&self, nodes: &Nodes, links: &Links, report: &mut Report) -> Result<(), MeshError> {
        if report.interrupted.is_some() {
            return Ok(());
        }
        let phase = clock::now();
        let total = links.pairs().len();
        let mut pulse = Pulse::new();
        nodes.join(links, self.options.timeout, self.interrupt, |done| {
            if pulse.is_due() {
                self.progress("joining", done, total);
            }
        })?;
        report.times.join = phase.elapsed();
        self.note_interrupt(Phase::Join, report);
        if report.interrupted.is_none() {
            report.show_links(self.console);
        }
        Ok(())
    }

    fn note_interrupt(&self, phase: Phase, report: &mut Report) {
        if self.interrupt.is_set() && report.interrupted.is_none() {
            report.interrupted = Some(phase);
        }
    }

    fn progress(&self, label: &str, done: usize, total: usize) {
        self.console.progress(label, format_args!("{done} of {total}"));
    }
}

/// Waits until the nodes have introduced themselves and nothing moves any more. Some of their
/// frames go to connections that only tried an address, and arrive nowhere.
fn calm(nodes: &Nodes, receivers: &Receivers, ledger: &mut Ledger) -> Traffic {
    let mut last = nodes.traffic();
    let mut looks = 0;
    wait(receivers, ledger, || {
        let traffic = nodes.traffic();
        looks = if traffic == last { looks + 1 } else { 0 };
        last = traffic;
        looks >= CALM_LOOKS
    });
    last
}

/// Waits until all that was sent since `before` has arrived, so that the figures are whole and
/// late duplicates are seen. Returns what was sent.
fn settle(nodes: &Nodes, receivers: &Receivers, ledger: &mut Ledger, before: &Traffic) -> Traffic {
    let mut traffic = Traffic::default();
    wait(receivers, ledger, || {
        traffic = nodes.traffic().since(before);
        traffic.frames_in == traffic.frames_out
    });
    traffic
}

/// Looks again and again, for a while, whether the mesh is done, and keeps receiving.
fn wait(receivers: &Receivers, ledger: &mut Ledger, mut is_done: impl FnMut() -> bool) {
    let start = clock::now();
    while !is_done() && start.elapsed() < SETTLE_TIMEOUT {
        if let Some(receipt) = receivers.next(SETTLE_PERIOD) {
            ledger.record(&receipt);
        }
    }
}

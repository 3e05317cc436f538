//! `rs2p mesh`: a whole mesh of real nodes in one process, and proof that it delivers.
//!
//! Knows topologies, rounds of messages and who must get what. Uses the library as any program does:
//! nothing here sees the wire or the inside of a node.

mod error;
mod ledger;
mod nodes;
mod options;
mod receivers;
mod report;

use std::process::ExitCode;
use std::time::Duration;

use crate::Failure;
use crate::clock::{self, Pulse};
use crate::console::{self, Console};
use crate::seed;
use crate::topology::Links;
use crate::traffic::Traffic;
pub(crate) use error::MeshError;
use ledger::Ledger;
use nodes::Nodes;
use options::Options;
pub(crate) use options::{HELP, SUMMARY};
use receivers::{Body, Receivers};
use report::Report;

/// The most messages that are on their way at once: far fewer than an inbox holds.
const MAX_WINDOW: usize = 32;

/// The most bytes of contents that are on their way at once: half of what waits for one neighbor.
const MAX_WINDOW_LEN: usize = 4 << 20;

/// How often it is looked whether the mesh is quiet, and how long at most.
const SETTLE_PERIOD: Duration = Duration::from_millis(5);
const SETTLE_TIMEOUT: Duration = Duration::from_secs(1);

/// How often in a row it must look quiet before the first message.
const CALM_LOOKS: u32 = 4;

pub(crate) fn run(parser: lexopt::Parser) -> Result<ExitCode, Failure> {
    let options = Options::parse(parser)?;
    let seed = seed::choose(options.seed).map_err(MeshError::Entropy)?;
    let console = if options.json { Console::stderr() } else { Console::stdout() };
    let report = Run { options: &options, console: &console }.run(seed)?;
    console.finish()?;
    if options.json {
        console::print(&report.to_json())?;
    }
    Ok(if report.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One run of the command.
struct Run<'a> {
    options: &'a Options,
    console: &'a Console,
}

impl Run<'_> {
    fn run(&self, seed: u64) -> Result<Report, MeshError> {
        let nodes = self.options.nodes;
        let start = clock::now();
        let links = Links::new(&self.options.topology, nodes, seed);
        nodes::check_open_files(nodes, links.pairs().len())?;
        let mut report = Report::new(self.options, seed, &links);
        report.show_start(self.console);

        let nodes = Nodes::bind(self.options, |done| self.progress("nodes", done, nodes))?;
        report.times.bind = start.elapsed();
        report.show_nodes(self.console, &nodes);

        let phase = clock::now();
        let total = links.pairs().len();
        nodes.join(&links, self.options.timeout, |done| self.progress("joining", done, total))?;
        report.times.join = phase.elapsed();
        report.show_links(self.console);

        let body = Body::new(self.options.size, seed);
        let receivers = Receivers::start(&nodes, &body)?;
        let mut ledger = Ledger::new(nodes.ids());
        if nodes.count() > 1 {
            let before = calm(&nodes, &receivers, &mut ledger);
            let phase = clock::now();
            self.deliver(&nodes, &receivers, &body, &mut ledger)?;
            report.times.deliver = phase.elapsed();
            report.traffic = settle(&nodes, &receivers, &mut ledger, &before);
        }

        let phase = clock::now();
        report.closed = nodes.close(|done| self.progress("closing", done, nodes.count()));
        report.times.close = phase.elapsed();
        receivers.finish(|receipt| ledger.record(&receipt));
        report.times.total = start.elapsed();
        report.take(ledger);
        report.show_result(self.console);
        Ok(report)
    }

    /// Sends every message, no faster than the mesh delivers them, and waits for the deliveries.
    /// Returns when all have come, or none for longer than the timeout.
    fn deliver(
        &self,
        nodes: &Nodes,
        receivers: &Receivers,
        body: &Body,
        ledger: &mut Ledger,
    ) -> Result<(), MeshError> {
        let message_count = self.options.messages;
        let total = message_count * nodes.receiver_count();
        let window = (MAX_WINDOW_LEN / self.options.size.max(1)).clamp(1, MAX_WINDOW);
        let mut pulse = Pulse::new();
        let mut heard = clock::now();
        while ledger.sent() < message_count || ledger.waiting() > 0 {
            if ledger.sent() < message_count && ledger.waiting() < window {
                let number = ledger.begin(clock::now());
                nodes.send(number, body)?;
                continue;
            }
            match receivers.next(self.options.timeout) {
                // What is wrong must not keep the rest waiting for ever.
                Some(receipt) => {
                    if ledger.record(&receipt) {
                        heard = clock::now();
                    }
                }
                None => break,
            }
            if heard.elapsed() > self.options.timeout {
                break;
            }
            if pulse.is_due() {
                self.progress("delivered", ledger.delivered(), total);
            }
        }
        Ok(())
    }

    fn progress<T: TryInto<u64>>(&self, label: &str, done: T, total: T) {
        let [done, total] = [done, total].map(|number| number.try_into().unwrap_or(u64::MAX));
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

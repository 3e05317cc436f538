//! Tells the console from time to time how a run goes.

use std::time::{Duration, Instant};

use rs2p::Stats;

use super::ledger::Ledger;
use super::nodes::Nodes;
use super::plan::Plan;
use super::view::{self, Figures, View};
use crate::console::{Console, Tone};
use crate::traffic::Traffic;

/// How often a view is drawn.
const FRAME_PERIOD: Duration = Duration::from_millis(100);

/// How often there is a plain line, in runs that are known to last so long.
const LINE_PERIOD: Duration = Duration::from_secs(5);
const MIN_TIME_FOR_LINES: Duration = Duration::from_secs(10);

/// How many nodes are asked for their figures for each frame. It takes a moment of their time.
const ASKED_PER_FRAME: usize = 2;

#[derive(Debug)]
pub(super) struct Watch<'a> {
    console: &'a Console,
    nodes: &'a Nodes,
    plan: Plan,
    links: usize,
    start: Instant,
    /// When there is something to be told again; `None` for never.
    next: Option<Instant>,
    view: View,
    /// The last known of each node.
    stats: Vec<Stats>,
    /// The node that is asked next.
    turn: usize,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        console: &'a Console,
        nodes: &'a Nodes,
        plan: Plan,
        links: usize,
        start: Instant,
    ) -> Self {
        let is_long = plan.time.is_some_and(|time| time >= MIN_TIME_FOR_LINES);
        let next = match console.is_live() {
            true => Some(start),
            false => is_long.then(|| start + LINE_PERIOD),
        };
        let stats = vec![Stats::default(); nodes.count()];
        Self { console, nodes, plan, links, start, next, view: View::default(), stats, turn: 0 }
    }

    /// Takes note of a delivery.
    pub(super) fn add(&mut self, latency: Duration) {
        if self.console.is_live() {
            self.view.add(latency);
        }
    }

    /// Tells how the run is, if it is time to. To be called again and again.
    pub(super) fn look(&mut self, now: Instant, ledger: &Ledger, is_stopping: bool) {
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        if self.console.is_live() {
            self.next = Some(now + FRAME_PERIOD);
            self.ask_some_nodes();
            let figures = self.figures(now, ledger, is_stopping);
            self.view.update(&figures);
            self.console.view(&self.view.lines(&figures));
        } else {
            self.next = Some(now + LINE_PERIOD);
            let figures = self.figures(now, ledger, is_stopping);
            self.console.labelled(Tone::Plain, "sending", view::line(&figures));
        }
    }

    fn ask_some_nodes(&mut self) {
        for _ in 0..ASKED_PER_FRAME.min(self.stats.len()) {
            let node = self.turn % self.stats.len();
            if let (Some(stats), Some(socket)) =
                (self.stats.get_mut(node), self.nodes.sockets().get(node))
            {
                *stats = socket.stats();
            }
            self.turn = node + 1;
        }
    }

    fn figures(&self, now: Instant, ledger: &Ledger, is_stopping: bool) -> Figures {
        Figures {
            elapsed: now.saturating_duration_since(self.start),
            time: self.plan.time,
            messages: self.plan.messages,
            sent: ledger.sent(),
            receivers: self.nodes.count().saturating_sub(1) as u64,
            delivered: ledger.delivered(),
            waiting: ledger.waiting() as u64,
            links: self.links as u64,
            links_up: self.nodes.links_up() as u64,
            traffic: Traffic::of(self.stats.iter().copied()),
            is_stopping,
        }
    }
}

//! Sending by the plan, and waiting for what is on its way.

use std::time::{Duration, Instant};

use rs2p::SendError;

use super::error::MeshError;
use super::ledger::Ledger;
use super::nodes::Nodes;
use super::options::Options;
use super::plan::Next;
use super::receivers::{Body, Receivers};
use super::watch::Watch;
use crate::clock;
use crate::interrupt::Interrupt;

/// The most messages that are on their way at once: far fewer than an inbox holds.
const MAX_WINDOW: usize = 32;

/// The most bytes of contents that are on their way at once: half of what waits for one neighbor.
const MAX_WINDOW_LEN: usize = 4 << 20;

/// How long nothing else is looked at when nothing arrives.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long nothing arrives before what is missing is taken for lost, where links break.
const GIVE_UP_TIMEOUT: Duration = Duration::from_millis(500);

/// How long an interrupted run waits for what is on its way.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct Delivery<'a> {
    pub(super) options: &'a Options,
    pub(super) interrupt: &'a Interrupt,
    pub(super) nodes: &'a Nodes,
    pub(super) receivers: &'a Receivers,
    pub(super) body: &'a Body,
    /// Whether messages may be lost, because links break.
    pub(super) has_cuts: bool,
}

impl Delivery<'_> {
    /// Sends the messages of the plan, no faster than the mesh delivers them, and waits for the
    /// deliveries. Returns when all have come, or none for longer than the timeout, or soon after
    /// an interrupt.
    pub(super) fn run(
        &self,
        ledger: &mut Ledger,
        mut watch: Watch<'_>,
        start: Instant,
    ) -> Result<(), MeshError> {
        let window = (MAX_WINDOW_LEN / self.options.size.max(1)).clamp(1, MAX_WINDOW);
        // When something was delivered, or was the first to be waited for.
        let mut heard = start;
        let mut stopped: Option<Instant> = None;
        // The messages that are waited for no longer before others are sent.
        let mut given_up = 0;
        let mut now = start;
        loop {
            if stopped.is_none() && self.interrupt.is_set() {
                stopped = Some(now);
            }
            let next = match stopped {
                None => self.options.plan.next(ledger.sent(), now.duration_since(start)),
                Some(_) => Next::Over,
            };
            if self.has_cuts && now.duration_since(heard) > GIVE_UP_TIMEOUT {
                given_up = ledger.waiting();
            }
            let waiting = ledger.waiting().saturating_sub(given_up);
            if next == Next::Now && waiting < window {
                if waiting == 0 {
                    heard = now;
                }
                let number = ledger.begin(now);
                match self.nodes.send(number, self.body) {
                    // All links of a node may be down at once.
                    Err(MeshError::Send { error: SendError::NoNeighbors, .. }) if self.has_cuts => {
                    }
                    outcome => outcome?,
                }
                now = clock::now();
                continue;
            }
            if next == Next::Over && ledger.waiting() == 0 {
                return Ok(());
            }
            let patience = if let Next::In(wait) = next { wait.min(PATIENCE) } else { PATIENCE };
            let receipt = self.receivers.next(patience);
            now = clock::now();
            // What is wrong must not keep the rest waiting for ever.
            if let Some(latency) = receipt.and_then(|receipt| ledger.record(&receipt)) {
                heard = now;
                watch.add(latency);
            }
            let is_silent = now.duration_since(heard) > self.options.timeout;
            let is_late = stopped.is_some_and(|since| now.duration_since(since) > STOP_TIMEOUT);
            if ledger.waiting() > 0 && (is_silent || is_late) {
                return Ok(());
            }
            watch.look(now, ledger, stopped.is_some());
        }
    }
}

//! RSA keys for connections, made away from the loop.

use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};

use super::handle::Handle;
use crate::rsa::{KeySize, newkeys};

/// How long the maker rests after each key. One takes it about a tenth of a second; whoever opens
/// connections to keep this machine busy gets no more of it than that.
const REST: Duration = Duration::from_millis(250);

/// A thread that makes keys, started when the first is wanted.
#[derive(Debug, Default)]
pub(super) struct KeyMaker {
    orders: Option<Sender<()>>,
}

impl KeyMaker {
    /// Has a key made, and given to the node. No more orders wait than the node's pool holds keys.
    pub(super) fn order(&mut self, handle: &Handle) {
        let orders = self.orders.get_or_insert_with(|| {
            let (orders, queued) = crossbeam_channel::unbounded();
            let handle = handle.clone();
            let thread = thread::Builder::new().name("rs2p-keys".to_owned());
            if let Err(error) = thread.spawn(move || make(&queued, &handle)) {
                log::error!("there will be no RSA keys: {error}");
            }
            orders
        });
        // A maker that could not start has said so.
        let _ = orders.send(());
    }
}

/// Makes keys as they are ordered, until the loop is gone.
fn make(orders: &Receiver<()>, handle: &Handle) {
    for () in orders {
        let key = match newkeys(KeySize::DEFAULT) {
            Ok((_, key)) => key,
            Err(error) => return log::error!("there will be no more RSA keys: {error}"),
        };
        let is_taken = handle.tell(move |daemon| {
            let (node, now) = daemon.node();
            node.supply_rsa_key(now, key);
        });
        if !is_taken {
            return;
        }
        thread::park_timeout(REST);
    }
}

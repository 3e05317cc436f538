//! RSA keys for connections, made away from the loop.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};

use super::clock::Clock;
use super::handle::Handle;
use crate::rsa::{KeySize, newkeys};

/// How long the maker rests after each key, at the least. As many keys as there may be connections
/// without a handshake are then made within the time that those have.
const LEAST_REST: Duration = Duration::from_millis(50);

/// How long the maker rests for what a key takes it: 10 ms to 100 ms. Whoever opens connections to
/// keep this machine busy gets a quarter of a core, however slow that is.
const REST_FACTOR: u32 = 3;

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
            let make = move || watched(&handle, || make(&queued, &handle));
            if let Err(error) = thread.spawn(make) {
                log::error!("there will be no RSA keys: {error}");
            }
            orders
        });
        // A maker that could not start has said so.
        let _ = orders.send(());
    }
}

/// A node under RSA takes nobody without keys, so where their maker panics its loop does.
fn watched(handle: &Handle, make: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(make)) {
        handle.tell(move |_| resume_unwind(panic));
    }
}

/// Makes keys as they are ordered, until the loop is gone.
fn make(orders: &Receiver<()>, handle: &Handle) {
    let clock = Clock::start();
    for () in orders {
        let began = clock.now();
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
        // Nobody unparks this thread; if something did, it would only rest less.
        thread::park_timeout(rest(clock.now().since(began)));
    }
}

/// How long to rest after a key that took so long.
fn rest(took: Duration) -> Duration {
    LEAST_REST.max(took.saturating_mul(REST_FACTOR))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::{Extras, InboxFull, InboxLimits, bind};
    use crate::node::Config;
    use crate::wire::Protocol;

    #[test]
    fn t19_a_maker_of_keys_that_panics_is_no_secret_of_its_thread() {
        let addr = "127.0.0.1:0".parse().unwrap();
        let config = Config::new(Protocol::new("mesh", "Plaintext"));
        let inbox = InboxLimits { count: 1, len: 1, full: InboxFull::Discard };
        let started = bind(&[addr], config, inbox, [7; 32], Extras::default()).unwrap();
        watched(&started.handle, || panic!("no key"));
        assert!(started.ended.wait_timeout(Duration::from_secs(30)).is_some());
        let failure = started.ending.get().unwrap().failure.clone();
        assert_eq!(failure.as_deref(), Some("it panicked: no key"));
    }

    #[test]
    fn keys_take_a_quarter_of_a_core_at_most() {
        for millis in [0, 1, 10, 100, 5_000] {
            let took = Duration::from_millis(millis);
            assert!(took * 4 <= took + rest(took));
        }
    }

    #[test]
    fn all_that_may_wait_for_keys_get_them_in_time() {
        let config = Config::new(Protocol::new("mesh", "PKCS1_v1.5"));
        let took = Duration::from_millis(30);
        let waiting = u32::try_from(config.limits.max_pending).unwrap();
        assert!((took + rest(took)) * waiting < config.limits.handshake_timeout);
    }
}

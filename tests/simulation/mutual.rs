//! Two nodes that send each other more than the buffers between them hold.

use std::time::Duration;

use rs2p::Event;
use rs2p::node::Config;
use rs2p::sim::{App, Context, Latency, LinkOptions, World};
use rs2p::wire::Protocol;

use super::SECOND;

/// The longest time in which nothing may arrive, and how often that is looked at.
const LIMIT: Duration = Duration::from_secs(20);

const MESSAGE_LEN: usize = 64 << 10;

/// Sends so many messages as fast as its queue takes them, and counts what comes.
#[derive(Default)]
struct Flooder {
    left: usize,
    number: u64,
    received: usize,
    lost: usize,
}

impl Flooder {
    fn send(&mut self, context: &mut Context<'_>) {
        while self.left > 0 && context.node().has_room(MESSAGE_LEN) {
            self.number += 1;
            let mut text = vec![7; MESSAGE_LEN];
            text.iter_mut().zip(self.number.to_be_bytes()).for_each(|(to, byte)| *to = byte);
            if context.broadcast(&[text]).is_err() {
                break;
            }
            self.left -= 1;
        }
        if self.left > 0 {
            context.wake_after(Duration::from_millis(1));
        }
    }
}

impl App for Flooder {
    fn on_event(&mut self, context: &mut Context<'_>, event: Event) {
        match event {
            Event::Message(_) => self.received += 1,
            Event::PeerJoined(_) => self.send(context),
            Event::PeerLost { .. } => self.lost += 1,
            _ => {}
        }
    }

    fn on_wake(&mut self, context: &mut Context<'_>) {
        self.send(context);
    }
}

/// Lets two nodes send each other so many messages through windows of 64 KiB, of which something is
/// amiss at times.
fn flood(seed: u64, messages: usize, window_len: usize) {
    let mut world = World::with_apps(seed);
    let latency = Latency::Uniform(Duration::from_millis(1), Duration::from_millis(5));
    let options = LinkOptions { latency, window_len, ..LinkOptions::default() };
    world.set_link_options(options);
    for _ in 0..2 {
        let mut config = Config::new(Protocol::new("mesh", "Plaintext"));
        config.compress = rs2p::Compress::Never;
        config.limits.max_frame_len = 128 << 10;
        config.limits.max_backlog_len = 256 << 10;
        config.limits.max_seen_len = 64 << 10;
        config.limits.max_memory = config.least_memory();
        config.limits.max_outgoing = 0;
        world.add(config, Flooder { left: messages, ..Flooder::default() });
    }
    world.connect(0, 1);
    let received = |world: &World<Flooder>| [0, 1].map(|node| world.app(node).received);
    let mut seconds = 0;
    let mut before = [0; 2];
    while received(&world) != [messages; 2] {
        world.run_for(LIMIT / 10);
        seconds += 2;
        match seconds % 10 {
            2 => world.clog(0, 1, SECOND),
            4 => world.stall(0, 1, SECOND),
            6 => world.pause(1, SECOND),
            _ => {}
        }
        if seconds % LIMIT.as_secs() == 0 {
            let now = received(&world);
            let gets_on = |(now, before): (usize, usize)| now > before || now == messages;
            assert!(
                now.into_iter().zip(before).all(gets_on),
                "nothing in {LIMIT:?}: {before:?}, {now:?}"
            );
            before = now;
        }
        assert_eq!([0, 1].map(|node| world.app(node).lost), [0, 0], "nobody is slow");
    }
}

#[test]
fn t12_two_nodes_that_flood_each_other_through_tiny_buffers_never_stand_still() {
    flood(1, 256, 64 << 10);
    flood(2, 64, 2_000);
}

#[test]
#[ignore = "for release builds: a gigabyte each way"]
fn t12_a_gigabyte_each_way_through_64_kib() {
    flood(3, 16 << 10, 64 << 10);
}

//! An application tested in the simulator: every node answers the broadcast "ping" by the whisper
//! "pong", and node 0 counts the answers, also while half of the mesh is cut off.
//!
//! Run `cargo run --example sim_app`. It takes no time to speak of, and prints the same each time:
//!
//! ```text
//! before the partition, 9 of 9 nodes answered
//! during the partition, 4 of 9 nodes answered
//! after the partition, 9 of 9 nodes answered
//! ```

use std::time::Duration;

use rs2p::sim::{App, Context, Topology, World};
use rs2p::{Config, Event, Protocol, SendError};

/// Counts the answers.
#[derive(Default)]
struct PingPong(usize);

impl App for PingPong {
    fn on_event(&mut self, context: &mut Context<'_>, event: Event) {
        let Event::Message(delivery) = event else { return };
        match delivery.message.payload().nth(1) {
            Some(b"ping") => drop(context.whisper(&delivery.sender, &["pong"])),
            _ => self.0 += 1,
        }
    }
}

pub(crate) fn run() -> Result<String, SendError> {
    let (mut shown, mut world) = (String::new(), World::with_apps(7));
    for _ in 0..10 {
        world.add(Config::new(Protocol::new("mesh", "Plaintext")), PingPong::default());
    }
    world.link(&Topology::Ring);
    for (when, cut_off) in [("before", &[][..]), ("during", &[3, 4, 5, 6, 7]), ("after", &[])] {
        world.heal();
        world.partition(cut_off);
        world.run_for(Duration::from_secs(10));
        let earlier = world.app(0).0;
        world.broadcast(0, &["ping"])?;
        world.run_for(Duration::from_secs(10));
        let pongs = world.app(0).0 - earlier;
        shown += &format!("{when} the partition, {pongs} of 9 nodes answered\n");
    }
    Ok(shown)
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<(), SendError> {
    run().map(|shown| print!("{shown}"))
}

//! Whole meshes in one thread: what an arrival costs in the simulator, its checks included.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use rs2p::sim::{Topology, World};

use crate::case::{Batch, Case, Source};

/// How many broadcasts a batch makes, each from another node.
const BROADCASTS: usize = 10;

/// Enough for links and broadcasts to get everywhere, in virtual time.
const CALM: Duration = Duration::from_secs(5);

pub(crate) fn cases() -> Vec<Case> {
    // A profiler would take minutes for the larger one.
    vec![simulate(100).pure(), simulate(1_000)]
}

fn simulate(nodes: usize) -> Case {
    Case::new(format!("simulator/{nodes}-nodes"), "arrival", 0, move || {
        let mut world = World::new(7);
        world.add_nodes(nodes);
        world.link(&Topology::Random { degree: 8 });
        world.run_for(CALM);
        let world = Rc::new(RefCell::new(world));
        let mut batches = 0;
        Source::new(move || {
            batches += 1;
            let (world, batch) = (Rc::clone(&world), batches);
            Batch::new(move || broadcast(&mut world.borrow_mut(), batch))
        })
    })
}

/// Returns how many pieces of streams have arrived anywhere.
fn broadcast(world: &mut World, batch: usize) -> u64 {
    let (arrivals, deliveries) = (world.arrivals(), world.deliveries());
    for number in 0..BROADCASTS {
        let from = (batch * BROADCASTS + number) % world.count();
        world.broadcast(from, &[format!("{batch:>30} {number:>33}")]).unwrap();
    }
    world.run_for(CALM);
    let delivered = world.deliveries() - deliveries;
    assert_eq!(delivered, (BROADCASTS * (world.count() - 1)) as u64, "everybody gets everything");
    world.arrivals() - arrivals
}

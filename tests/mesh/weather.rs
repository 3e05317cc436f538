//! A bad network between real nodes: the feature `chaos`.

use std::time::Duration;

use rs2p::{Chaos, ChaosOptions, MeshSocket};

use crate::{PATIENCE, builder};

fn chaos(text: &str) -> Chaos {
    let mut options: ChaosOptions = text.parse().unwrap();
    options.seed = 7;
    Chaos::new(options)
}

fn pair(chaos: &Chaos) -> [MeshSocket; 2] {
    let nodes = [(); 2].map(|()| builder().chaos(chaos).bind("127.0.0.1:0").unwrap());
    nodes[0].connect(nodes[1].local_addr()).unwrap();
    assert_eq!(nodes[1].wait_for_peers(1, PATIENCE), 1);
    nodes
}

#[test]
fn chaos_that_delays_and_cuts_streams_up_loses_and_turns_round_nothing() {
    let chaos = chaos("delay=1..30ms,write=1,stall=50%,bandwidth=50000");
    let [one, other] = pair(&chaos);
    for number in 0..20_u8 {
        one.send(&[[number; 100]]).unwrap();
    }
    for number in 0..20_u8 {
        let message = other.recv_timeout(PATIENCE).unwrap().unwrap();
        assert_eq!(message.contents().next(), Some(&[number; 100][..]));
    }
    assert!(one.close().is_clean());
    let report = chaos.report();
    assert!(report.delayed > 0 && report.held_back > 100 && report.cuts == 0, "{report:?}");
}

#[test]
fn chaos_that_cuts_ends_connections_and_a_seed_is_dialled_again() {
    let chaos = chaos("cut=100%");
    chaos.switch(false);
    let [one, other] = pair(&chaos);
    one.add_seed(other.local_addr()).unwrap();
    chaos.switch(true);
    let lost = |event| matches!(event, Some(rs2p::Event::PeerLost { .. }));
    // The switch wakes nobody: what is said does.
    while !lost(one.next_event(Duration::from_millis(200)).unwrap()) {
        let _ = one.send(&["anybody?"]);
    }
    assert!(chaos.report().cuts > 0);
    chaos.switch(false);
    assert_eq!(one.wait_for_peers(1, PATIENCE), 1);
}

//! Who gets what, and how often.

use std::time::Duration;

use rs2p::{MeshSocket, RecvError, SendError};

use super::{PATIENCE, builder, linked, node};

/// Every node broadcasts once; each must receive every other's message once, and nothing else.
fn everybody_hears_everybody_once(count: usize, links: &[(usize, usize)]) {
    let nodes = linked(count, links);
    for (index, node) in nodes.iter().enumerate() {
        node.send(&[format!("from {index}")]).unwrap();
    }
    for (index, node) in nodes.iter().enumerate() {
        let mut texts = Vec::new();
        while texts.len() < count - 1 {
            let message = node.recv_timeout(PATIENCE).unwrap().expect("a message is missing");
            let text = message.contents().next().unwrap().to_vec();
            let sender = nodes.iter().position(|other| other.id() == message.sender()).unwrap();
            assert_eq!(text, format!("from {sender}").into_bytes());
            texts.push(text);
        }
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), count - 1, "node {index} got a message twice");
    }
    // What one frame could still bring is on its way for no longer than the connections live.
    for node in &nodes {
        assert!(node.close().is_clean());
    }
    for node in &nodes {
        assert_eq!(node.recv(), Err(RecvError::Closed), "nothing came on top");
    }
}

#[test]
fn in_a_triangle() {
    everybody_hears_everybody_once(3, &[(0, 1), (1, 2), (2, 0)]);
}

#[test]
fn in_a_line_of_10() {
    let links: Vec<_> = (1..10).map(|right| (right - 1, right)).collect();
    everybody_hears_everybody_once(10, &links);
}

#[test]
fn in_a_random_graph_of_32() {
    // A random tree, then random links, from a small generator with a fixed seed.
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut links: Vec<_> = (1..32).map(|node| (random(node), node)).collect();
    while links.len() < 64 {
        let (a, b) = (random(32), random(32));
        if a != b && !links.contains(&(a, b)) && !links.contains(&(b, a)) {
            links.push((a, b));
        }
    }
    everybody_hears_everybody_once(32, &links);
}

#[test]
fn large_and_small_and_odd_packets_arrive_as_they_were_sent() {
    let nodes = linked(3, &[(0, 1), (1, 2)]);
    let noise: Vec<u8> =
        (0..100_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let text = "hello ".repeat(100_000).into_bytes();
    for packets in [vec![noise, vec![], vec![0], text], vec![], vec![vec![255; 3]; 500]] {
        nodes[0].send(&packets).unwrap();
        for node in &nodes[1..] {
            let message = node.recv_timeout(PATIENCE).unwrap().unwrap();
            assert!(message.contents().eq(packets.iter().map(Vec::as_slice)));
        }
    }
}

#[test]
fn ten_thousand_messages_arrive_in_order_from_a_neighbor() {
    let nodes = linked(2, &[(0, 1)]);
    let (sender, receiver) = (nodes[0].clone(), &nodes[1]);
    let sending = std::thread::spawn(move || {
        for number in 0..10_000_u32 {
            sender.send(&[number.to_be_bytes()]).unwrap();
        }
    });
    for number in 0..10_000_u32 {
        let message = receiver.recv_timeout(PATIENCE).unwrap().unwrap();
        assert_eq!(message.contents().next(), Some(&number.to_be_bytes()[..]));
    }
    sending.join().unwrap();
}

#[test]
fn a_node_without_neighbors_says_so() {
    assert_eq!(node().send(&["x"]).unwrap_err(), SendError::NoNeighbors);
}

#[test]
fn a_slow_user_is_told_how_many_messages_went() {
    let slow = builder().max_outgoing(0).max_inbox_count(10).bind("127.0.0.1:0").unwrap();
    let fast = node();
    fast.connect(slow.local_addr()).unwrap();
    for number in 0..30_u8 {
        fast.send(&[[number]]).unwrap();
    }
    // The order on a link is kept, so once the last is delivered all are.
    let delivered = |mesh: &MeshSocket| mesh.stats().delivered;
    while delivered(&slow) < 30 {
        assert!(slow.wait_for_peers(2, Duration::from_millis(1)) < 2);
    }
    assert_eq!(slow.recv(), Err(RecvError::Lagged(20)));
    let last: Vec<_> = (0..10).map(|_| slow.recv().unwrap()).collect();
    let numbers: Vec<_> = last.iter().map(|m| m.contents().next().unwrap()[0]).collect();
    assert_eq!(numbers, (20..30).collect::<Vec<u8>>());
    assert_eq!(slow.try_recv(), Ok(None));
}

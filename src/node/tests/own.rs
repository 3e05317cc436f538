//! A node's own signed messages, when somebody sends them back to it.

use super::secured::net;
use crate::event::Event;

#[test]
fn what_a_node_has_signed_itself_is_not_delivered_to_it_and_nobodys_fault() {
    let mut net = net(2);
    net.dial(0, 1);
    net.run_for(100);
    net.take_events(0);
    net.take_events(1);
    net.broadcast(0, "mine");
    net.run_for(50);
    let delivered = net.take_events(1).into_iter().find_map(|event| match event {
        Event::Message(delivery) => Some(delivery.message),
        _ => None,
    });
    let message = delivered.unwrap();
    assert_eq!(net.nodes[1].recent_messages().count(), 1, "its id can be asked for");
    let conn = net.conn(1, 0);
    net.call(1, |node, now| node.transmit_message(now, conn, message)).unwrap();
    net.run_for(50);
    let stats = net.nodes[0].stats();
    assert_eq!((stats.dropped.own, stats.verified, stats.delivered), (1, 0, 0));
    assert_eq!((stats.dropped.forged, net.nodes[0].routing_table().count()), (0, 1));
}

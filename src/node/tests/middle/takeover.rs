//! Somebody wants the place of a connected id.

use super::*;
use crate::error::Misbehavior;
use crate::session::Session;
use crate::session::tls::TlsContext;
use crate::wire::Protocol;

const ATTEMPTS: usize = 1_000;

/// Node 1 is the victim, a neighbor of node 0; node 2 the attacker, who goes by its id.
fn victim() -> (Net, [Vec<u8>; 2]) {
    let mut net = net(3);
    let conn = net.dial(1, 0);
    net.tap(1, conn, pass);
    net.run_for(100);
    let said = net.tap.take().unwrap().said;
    (0..3).for_each(|number| drop(net.take_events(number)));
    (net, said)
}

/// Shows the victim's key without having its secret.
fn forger() -> impl FnMut(usize, &[u8]) -> Vec<Deed> + 'static {
    let protocol = Protocol::new("mesh", "tls13-rpk/1");
    let context = TlsContext::forged(&identity(2), &identity(1).public_key(), protocol.id());
    let mut session = Session::Tls(Box::new(context.dial().unwrap()));
    move |from, data| {
        if from == 0 {
            let hello = session.take_transmit();
            return hello.map(|hello| Deed::Pass(hello.to_vec())).into_iter().collect();
        }
        let _ = session.received(data);
        let _ = session.step(usize::MAX);
        let answer = session.take_transmit();
        answer.map(|answer| Deed::Back(answer.to_vec())).into_iter().collect()
    }
}

/// Says what the victim has said when it came.
fn replayer(said: Vec<u8>) -> impl FnMut(usize, &[u8]) -> Vec<Deed> + 'static {
    let mut said = Some(said);
    move |from, _| {
        let said = said.take().filter(|_| from == 0);
        said.map(Deed::Pass).into_iter().collect()
    }
}

#[test]
fn t26_a_thousand_takeovers_under_tls_take_nothing_from_the_victim() {
    let (mut net, said) = victim();
    let place = net.conn(0, 1);
    net.nodes[2].id = net.id(1);
    let false_id = CloseReason::Misbehaved(Misbehavior::FalseId);
    let mut streams = [0, 0];
    for attempt in 0..ATTEMPTS {
        net.nodes[0].troubles.clear();
        let conn = net.dial(2, 0);
        match attempt % 3 {
            0 => {}
            1 => net.tap(2, conn, forger()),
            _ => net.tap(2, conn, replayer(said[0].clone())),
        }
        for moment in 0..4 {
            let text = format!("{attempt} {moment}");
            net.broadcast(0, &text);
            net.broadcast(1, &text);
            net.run_for(2);
            for (number, stream) in [0, 1].into_iter().zip(&mut streams) {
                let events = net.take_events(number);
                assert_eq!(reasons(&events), [], "attempt {attempt}");
                let is_message = |event: &&Event| matches!(event, Event::Message(_));
                *stream += events.iter().filter(is_message).count();
            }
        }
        net.run_for(11_000);
        let troubles = troubles(&net.nodes[0]);
        let is_told = match troubles[..] {
            [reason] if attempt % 3 == 0 => reason == false_id,
            [CloseReason::Encryption(_)] => true,
            _ => false,
        };
        assert!(is_told, "attempt {attempt}: {troubles:?}");
        assert_eq!(net.conn(0, 1), place);
        assert_eq!(net.nodes[0].connections.len(), 1, "attempt {attempt}");
        net.tap = None;
    }
    assert_eq!(streams, [4 * ATTEMPTS; 2], "not a message of the victim's, nor to it, is missing");
}

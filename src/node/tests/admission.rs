//! Who may join: lists, the user's function, dialled ids and the pace of handshakes.

use std::time::Duration;

use super::net::{Net, WALL, addr, config, ms};
use super::secured::{identity, net, node, reasons, tls, troubles};
use crate::error::{CloseReason, ConfigError, Denial, DialError, Misbehavior, WhisperError};
use crate::event::{Direction, Event};
use crate::node::{
    Admission, AdmissionCheck, Config, Node, Output, Refused, Rule, RuleKind, Subject,
};
use crate::wire::{Control, Flag, PathfindingMessage, PeerEntry, RefusalReason};

const LISTED: CloseReason = CloseReason::Denied(Denial::Listed);
const REFUSED: CloseReason = CloseReason::Refused(RefusalReason::Denied);

fn rule(kind: RuleKind, subject: impl Into<Subject>, secs: Option<u64>) -> Rule {
    Rule { kind, subject: subject.into(), lifetime: secs.map(Duration::from_secs) }
}

fn deny(net: &mut Net, index: usize, subject: impl Into<Subject>, secs: Option<u64>) {
    let rule = rule(RuleKind::Deny, subject, secs);
    net.call(index, |node, now| node.add_rule(now, rule)).unwrap();
}

/// The ids of a node's neighbors.
fn neighbors(net: &Net, index: usize) -> usize {
    net.nodes[index].routing_table().count()
}

#[test]
fn a_denied_id_is_refused_whoever_dials_and_both_ends_know_why() {
    for (dialer, acceptor) in [(0, 1), (1, 0)] {
        let mut net = net(2);
        let id = identity(1).node_id();
        deny(&mut net, 0, id, None);
        net.dial(dialer, acceptor);
        for _ in 0..100 {
            net.run_for(1);
            for index in 0..2 {
                let _ = net.call(index, |node, now| node.broadcast(now, &["to a stranger"]));
            }
        }
        assert_eq!(troubles(&net.nodes[0]), [LISTED], "{dialer}");
        assert_eq!(troubles(&net.nodes[1]), [REFUSED], "{dialer}");
        let failed = if dialer == 0 { LISTED } else { REFUSED };
        let events = net.take_events(dialer);
        assert_eq!(reasons(&events), [failed]);
        let answered = [identity(0).node_id(), id][acceptor];
        assert!(matches!(events[0], Event::DialFailed { id, .. } if id == Some(answered)));
        let told = net.nodes[0].troubles().next().unwrap();
        assert_eq!((told.id, told.is_authenticated), (Some(id), true), "who was denied");
        assert_eq!(net.nodes[0].stats().frames_out, 1, "only why");
        for index in 0..2 {
            assert_eq!(net.nodes[index].stats().received, 0);
            assert!(net.nodes[index].connections.is_empty());
        }
        assert_eq!(net.nodes[0].stats().denied, 1);
    }
}

#[test]
fn a_denied_address_gets_no_session_and_is_not_dialled() {
    for mut net in [net(2), Net::new(2)] {
        deny(&mut net, 0, addr(1).ip(), None);
        let outcome = net.call(0, |node, now| node.dial(now, addr(1)));
        assert_eq!(outcome, Err(DialError::Denied(Denial::Listed)));
        let taken = net.call(0, |node, now| node.accept(now, addr(1)));
        assert_eq!(taken, Err(Refused::Denied));
        assert!(net.nodes[0].connections.is_empty());
        let stats = net.nodes[0].stats();
        assert_eq!((stats.denied, stats.rejected.total(), stats.bytes_out), (2, 1, 0));
        assert!(net.call(0, |node, now| node.accept(now, addr(2))).is_ok());
    }
}

#[test]
fn a_seed_is_tried_on_while_it_is_denied_and_joins_when_that_is_over() {
    let mut net = net(2);
    deny(&mut net, 0, "10.0.0.0/24".parse::<crate::node::Network>().unwrap(), Some(600));
    net.call(0, |node, now| node.add_seed(now, addr(1)));
    net.run_for(599_000);
    assert_eq!(neighbors(&net, 0), 0);
    assert!(net.nodes[0].stats().denied >= 2);
    net.run_for(302_000);
    assert_eq!(neighbors(&net, 0), 1);
    assert_eq!(neighbors(&net, 1), 1);
}

#[test]
fn a_denied_id_may_come_again_when_its_time_is_up() {
    let mut net = net(2);
    deny(&mut net, 0, identity(1).node_id(), Some(60));
    net.run_for(59_000);
    net.dial(1, 0);
    net.run_for(100);
    assert_eq!(neighbors(&net, 0), 0);
    net.run_for(1_000);
    net.dial(1, 0);
    net.run_for(100);
    assert_eq!(neighbors(&net, 0), 1);
    net.broadcast(1, "back again");
    net.run_for(100);
    assert_eq!(net.take_texts(0), ["back again"]);
}

#[test]
fn who_is_denied_while_connected_is_closed_and_told() {
    let subjects: [Subject; 2] = [identity(1).node_id().into(), addr(1).ip().into()];
    for subject in subjects {
        let mut net = net(3);
        net.dial(1, 0);
        net.dial(2, 0);
        net.run_for(100);
        net.take_events(0);
        net.take_events(1);
        deny(&mut net, 0, subject, None);
        net.run_for(100);
        assert_eq!(reasons(&net.take_events(0)), [LISTED]);
        assert_eq!(reasons(&net.take_events(1)), [REFUSED]);
        assert_eq!(neighbors(&net, 0), 1, "the other stays");
        assert_eq!(net.nodes[1].connections.len(), 0);
    }
}

#[test]
fn a_list_of_those_allowed_keeps_others_out_until_it_is_cleared() {
    let mut net = net(3);
    let friend = rule(RuleKind::Allow, identity(1).node_id(), None);
    net.call(0, |node, now| node.add_rule(now, friend)).unwrap();
    net.dial(1, 0);
    net.dial(2, 0);
    net.run_for(100);
    assert_eq!(neighbors(&net, 0), 1);
    assert_eq!(troubles(&net.nodes[0]), [CloseReason::Denied(Denial::NotListed)]);
    assert_eq!(troubles(&net.nodes[2]), [REFUSED]);
    assert_eq!(net.nodes[0].rules(net.now).collect::<Vec<_>>(), [friend]);
    assert!(net.call(0, |node, now| node.remove_rule(now, RuleKind::Allow, &friend.subject)));
    net.dial(2, 0);
    net.run_for(100);
    assert_eq!(neighbors(&net, 0), 1, "an empty list is still one");
    net.call(0, |node, _| node.clear_rules(RuleKind::Allow));
    net.dial(2, 0);
    net.run_for(100);
    assert_eq!(neighbors(&net, 0), 2);
}

#[test]
fn a_list_of_allowed_addresses_is_asked_before_a_session_begins() {
    let mut net = net(2);
    let rule = rule(RuleKind::Allow, addr(2).ip(), None);
    net.call(0, |node, now| node.add_rule(now, rule)).unwrap();
    assert_eq!(net.call(0, |node, now| node.accept(now, addr(1))), Err(Refused::Denied));
    let outcome = net.call(0, |node, now| node.dial(now, addr(1)));
    assert_eq!(outcome, Err(DialError::Denied(Denial::NotListed)));
    assert!(net.call(0, |node, now| node.accept(now, addr(2))).is_ok());
}

#[test]
fn rules_may_be_there_from_the_beginning_but_not_too_many() {
    let rules = vec![rule(RuleKind::Deny, addr(1).ip(), None)];
    let mut denier = node(Config { rules: rules.clone(), ..tls(0) }, 0);
    assert_eq!(denier.accept(ms(0), addr(1)), Err(Refused::Denied));
    assert!(denier.accept(ms(0), addr(2)).is_ok());
    for (count, outcome) in
        [(4_096, Ok(())), (4_097, Err(ConfigError::TooLarge { field: "rules", max: 4_096 }))]
    {
        let rules = (0..count)
            .map(|number: u32| rule(RuleKind::Deny, std::net::IpAddr::V4(number.into()), None));
        let config = Config { rules: rules.collect(), ..tls(0) };
        assert_eq!(Node::new(config, [0; 32], ms(0), WALL).map(|_| ()), outcome);
    }
}

#[test]
fn the_users_function_sees_what_is_known_and_its_words_stay_here() {
    let check = |candidate: &crate::node::Candidate| {
        let is_as_expected = candidate.is_id_proven
            && !candidate.is_secret_proven
            && candidate.is_extended
            && candidate.direction == Direction::Incoming;
        assert!(is_as_expected, "{candidate:?}");
        assert_eq!(candidate.announced, Some(addr(candidate.addr_index()).into()));
        if candidate.id == identity(1).node_id() {
            Admission::Allow
        } else {
            Admission::Deny("not on a Sunday")
        }
    };
    let mut net = net(3);
    let admission = Some(AdmissionCheck::new(check));
    net.nodes[0] = node(Config { admission, ..tls(0) }, 0);
    net.dial(1, 0);
    net.dial(2, 0);
    net.run_for(100);
    assert_eq!(neighbors(&net, 0), 1);
    let denied = CloseReason::Denied(Denial::Function("not on a Sunday"));
    assert_eq!(troubles(&net.nodes[0]), [denied]);
    assert_eq!(reasons(&net.take_events(2)), [REFUSED]);
    assert!(denied.to_string().ends_with(": not on a Sunday"));
}

#[test]
fn a_function_that_panics_lets_nobody_in_and_the_node_lives_on() {
    let check = |candidate: &crate::node::Candidate| {
        assert!(candidate.id != identity(1).node_id(), "what a peer says is not as was thought");
        Admission::Allow
    };
    let mut net = net(3);
    let admission = Some(AdmissionCheck::new(check));
    net.nodes[0] = node(Config { admission, ..tls(0) }, 0);
    net.dial(1, 0);
    net.dial(2, 0);
    net.run_for(100);
    assert_eq!(neighbors(&net, 0), 1);
    assert!(matches!(
        troubles(&net.nodes[0])[..],
        [CloseReason::Denied(Denial::Function("the function that judges it panicked"))]
    ));
    assert_eq!(reasons(&net.take_events(1)), [REFUSED]);
}

impl crate::node::Candidate {
    /// Which node of the net it is.
    fn addr_index(&self) -> usize {
        (0..3).find(|index| addr(*index).ip() == self.addr.ip()).unwrap()
    }
}

#[test]
fn without_proof_an_id_is_a_claim_and_nothing_new_is_said() {
    let mut net = Net::new(2);
    let claimed = net.id(1);
    deny(&mut net, 0, claimed, None);
    net.dial(1, 0);
    net.run_for(100);
    assert_eq!(troubles(&net.nodes[0]), [LISTED]);
    assert_eq!(net.nodes[0].stats().bytes_out, 0);
    assert_eq!(neighbors(&net, 1), 0);

    // An extended neighbor that says so without having proven anything is not believed.
    let mut net = Net::line(2);
    let conn = net.conn(1, 0);
    net.call(1, |node, now| {
        let payload = Control::Refused(RefusalReason::Denied).encode();
        let message = node.make(now, Flag::Whisper, &payload).unwrap();
        node.transmit_alone(now, conn, &message);
    });
    net.run_for(100);
    assert_eq!(neighbors(&net, 0), 1);
    assert_eq!(net.nodes[0].stats().ignored.unproven_refusal, 1);
}

#[test]
fn an_address_that_another_told_of_must_prove_the_id_that_was_told() {
    let mut net = net(3);
    let mut config = tls(0);
    config.limits.max_outgoing = 8;
    net.nodes[0] = node(config, 0);
    net.dial(1, 0);
    net.run_for(100);
    net.take_events(0);
    let told = PeerEntry { address: Some(addr(2).into()), id: identity(7).node_id() };
    let list = PathfindingMessage::new(
        b"whisper",
        net.id(1).as_bytes(),
        WALL.as_secs(),
        &PeerEntry::encode_list(&[told]),
    );
    let conn = net.conn(0, 1);
    net.call(0, |node, now| node.on_peers(now, conn, &list.unwrap()));
    net.run_for(100);
    let wrong = CloseReason::WrongPeer(identity(2).node_id());
    assert_eq!(reasons(&net.take_events(0)), [wrong]);
    assert_eq!(troubles(&net.nodes[2]), [CloseReason::Refused(RefusalReason::WrongPeer)]);
    assert_eq!(neighbors(&net, 0), 1);
}

#[test]
fn a_dialled_id_must_be_proven_and_the_right_one_joins() {
    let mut net = net(2);
    let (right, wrong) = (identity(1).node_id(), identity(7).node_id());
    net.call(0, |node, now| node.dial_peer(now, addr(1), wrong).unwrap());
    // Whoever will take anybody there does not wait for that one.
    net.dial(0, 1);
    net.run_for(100);
    assert_eq!(reasons(&net.take_events(0)), [CloseReason::WrongPeer(right)]);
    assert_eq!(neighbors(&net, 0), 1);
    let again = net.call(0, |node, now| node.dial_peer(now, addr(1), right));
    assert_eq!(again, Err(DialError::AlreadyConnected(right)));
    net.call(0, |node, now| node.disconnect(now, &right));
    net.run_for(100);
    net.take_events(0);
    let conn = net.call(0, |node, now| node.dial_peer(now, addr(1), right).unwrap());
    net.run_for(100);
    assert!(net.take_events(0).contains(&Event::Dialed { conn, id: right }));
}

#[test]
fn a_seed_with_an_id_waits_for_that_node() {
    let mut net = net(2);
    let awaited = identity(7).node_id();
    net.call(0, |node, now| node.add_seed_peer(now, addr(1), awaited));
    net.run_for(60_000);
    assert_eq!(neighbors(&net, 0), 0);
    assert!(net.nodes[0].troubles().count() > 1, "it is tried again");
    net.nodes[1] = node(Config { identity: Some(identity(7)), ..tls(1) }, 1);
    // To the net, connections of one name are one.
    net.nodes[1].last_conn = 1_000;
    net.run_for(302_000);
    assert_eq!(neighbors(&net, 0), 1);
}

#[test]
fn a_thousand_handshakes_from_one_address_leave_room_for_the_others() {
    let wide = |mut config: Config| {
        (config.limits.max_pending, config.limits.max_incoming) = (2_000, 2_000);
        config.limits.max_memory = config.least_memory();
        config
    };
    let accept_all = |node: &mut Node| {
        let mut accept = |number: u64| node.accept(ms(number), addr(1)).is_ok();
        (0..1_000).filter(|number| accept(*number)).count()
    };
    let mut server = node(wide(tls(0)), 0);
    // Eight at once, and four within the second; the last of them at its very end.
    assert_eq!(accept_all(&mut server), 8 + 3);
    assert_eq!(server.accept(ms(999), addr(1)), Err(Refused::TooManyHandshakes));
    assert!(server.accept(ms(999), addr(2)).is_ok());
    let stats = server.stats();
    let rejected = stats.rejected;
    assert_eq!((rejected.too_many_handshakes, rejected.total()), (990, 990));
    let outputs = std::iter::from_fn(|| server.poll_output());
    assert!(outputs.into_iter().all(|output| !matches!(output, Output::Transmit { .. })));
    // What costs nothing is not counted.
    assert_eq!(accept_all(&mut node(wide(config()), 0)), 1_000);
}

#[cfg(feature = "rsa")]
#[test]
fn handshakes_under_rsa_are_counted_too() {
    let protocol = crate::wire::Protocol::new("mesh", "PKCS1_v1.5");
    let mut server = node(Config { protocol, ..config() }, 0);
    let taken = (0..100).filter(|_| server.accept(ms(0), addr(1)).is_ok()).count();
    assert_eq!((taken, server.stats().rejected.too_many_handshakes), (8, 92));
}

#[test]
fn a_whisper_to_a_denied_node_says_that_it_is() {
    let mut net = net(3);
    net.dial(0, 1);
    // A node that was dialled is listed with its address.
    net.dial(1, 2);
    net.run_for(100);
    let denied = net.id(2);
    deny(&mut net, 0, denied, None);
    net.take_events(0);
    net.call(0, |node, now| node.whisper(now, &denied, &["to nobody"]).unwrap());
    net.run_for(11_000);
    let outcome = net.take_events(0).into_iter().find_map(|event| match event {
        Event::WhisperDone { outcome, .. } => Some(outcome),
        _ => None,
    });
    assert_eq!(outcome, Some(Err(WhisperError::Unreachable(LISTED))));
    assert_eq!(net.nodes[2].stats().received, 0);
}

#[test]
fn a_false_id_is_told_before_the_end() {
    let mut net = net(2);
    net.nodes[1].id = identity(7).node_id();
    net.dial(1, 0);
    net.run_for(100);
    assert_eq!(troubles(&net.nodes[0]), [CloseReason::Misbehaved(Misbehavior::FalseId)]);
    assert_eq!(reasons(&net.take_events(1)), [CloseReason::Refused(RefusalReason::FalseId)]);
}

#[test]
fn a_new_denial_closes_whom_it_is_about_and_nobody_else() {
    let mut net = net(3);
    net.dial(1, 0);
    net.run_for(100);
    // Whom a list of those allowed leaves out stays, also when somebody else is denied then.
    let (allowed, denied) = (rule(RuleKind::Allow, net.id(2), None), net.id(2));
    net.call(0, |node, now| node.add_rule(now, allowed)).unwrap();
    deny(&mut net, 0, denied, None);
    net.run_for(100);
    assert_eq!(neighbors(&net, 0), 1);
}

#[test]
fn who_is_denied_while_being_dialled_by_id_is_not_waited_for() {
    let mut net = net(2);
    let id = identity(1).node_id();
    let conn = net.call(0, |node, now| node.dial_peer(now, addr(1), id)).unwrap();
    deny(&mut net, 0, id, None);
    let events = net.take_events(0);
    let failed = |event: &Event| matches!(event, Event::DialFailed { conn: of, reason: LISTED, .. } if *of == conn);
    assert!(events.iter().any(failed), "{events:?}");
}

#[test]
fn without_encryption_the_users_function_is_told_that_nothing_is_proven() {
    let check = |candidate: &crate::node::Candidate| {
        let is_claim = !candidate.is_id_proven && !candidate.is_secret_proven;
        assert!(is_claim && !candidate.is_extended, "{candidate:?}");
        Admission::Deny("a claim")
    };
    let mut net = Net::new(2);
    let admission = Some(AdmissionCheck::new(check));
    net.nodes[0] = Node::new(Config { admission, ..config() }, [0; 32], ms(0), WALL).unwrap();
    let legacy = Config { extension: false, ..config() };
    net.nodes[1] = Node::new(legacy, [1; 32], ms(0), WALL).unwrap();
    net.dial(1, 0);
    net.run_for(1_000);
    let denied = CloseReason::Denied(Denial::Function("a claim"));
    assert_eq!(troubles(&net.nodes[0]), [denied]);
}

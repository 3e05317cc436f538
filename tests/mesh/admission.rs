//! Who may join a mesh under TLS, on real sockets.

use rs2p::{
    Builder, CloseReason, ConnectError, Denial, DialError, Encryption, Event, MeshSecret,
    MeshSocket, Network, RefusalReason, RuleKind,
};

use super::{PATIENCE, until};

fn builder() -> Builder {
    MeshSocket::builder().encryption(Encryption::Tls).max_outgoing(0)
}

fn node() -> MeshSocket {
    builder().bind("127.0.0.1:0").unwrap()
}

#[test]
fn the_secret_lets_members_in_and_tells_others_why_not() {
    let secret = MeshSecret::generate().unwrap();
    let member = || builder().secret(secret.clone()).bind("127.0.0.1:0").unwrap();
    let (alice, bob) = (member(), member());
    alice.connect(bob.local_addr()).unwrap();
    let wrong = MeshSecret::generate().unwrap();
    for (stranger, reason) in [
        (builder().secret(wrong), RefusalReason::SecretWrong),
        (builder(), RefusalReason::SecretMissing),
    ] {
        let stranger = stranger.bind("127.0.0.1:0").unwrap();
        let outcome = stranger.connect(bob.local_addr());
        let expected = CloseReason::Refused(reason);
        assert!(
            matches!(&outcome, Err(ConnectError::Closed(reason)) if *reason == expected),
            "{outcome:?}"
        );
    }
    alice.send(&["among ourselves"]).unwrap();
    bob.recv_timeout(PATIENCE).unwrap().unwrap();
    let denied = [Denial::SecretWrong, Denial::SecretMissing].map(CloseReason::Denied);
    let status = bob.status();
    let reasons: Vec<_> = status.troubles().iter().map(|trouble| trouble.reason).collect();
    assert!(denied.iter().all(|reason| reasons.contains(reason)), "{reasons:?}");
    assert_eq!((bob.stats().denied, bob.routing_table().len()), (2, 1));
}

#[test]
fn only_who_is_meant_is_connected_to() {
    let (alice, bob, carol) = (node(), node(), node());
    let is_wrong = |outcome: Result<(), ConnectError>| {
        let bob = bob.id();
        matches!(outcome, Err(ConnectError::Closed(CloseReason::WrongPeer(id))) if id == bob)
    };
    assert!(is_wrong(alice.connect_to(bob.local_addr(), &carol.id())));
    let refused = CloseReason::Refused(RefusalReason::WrongPeer);
    until(&bob, |bob| bob.status().troubles().iter().any(|trouble| trouble.reason == refused));
    assert!(alice.connect_to(bob.local_addr(), &bob.id()).is_ok());
    assert!(is_wrong(alice.connect_to(bob.local_addr(), &carol.id())));
    assert!(alice.connect_to(carol.local_addr(), &carol.id()).is_ok());
}

#[test]
fn who_is_denied_is_closed_and_may_come_again_when_that_is_taken_back() {
    let (alice, bob) = (node(), node());
    bob.connect(alice.local_addr()).unwrap();
    assert_eq!(alice.wait_for_peers(1, PATIENCE), 1);
    alice.deny(bob.id(), None).unwrap();
    let refused = CloseReason::Refused(RefusalReason::Denied);
    let lost = std::iter::from_fn(|| bob.next_event(PATIENCE).unwrap());
    let reason = lost.into_iter().find_map(|event| match event {
        Event::PeerLost { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(reason, Some(refused));
    let outcome = bob.connect(alice.local_addr());
    assert!(
        matches!(&outcome, Err(ConnectError::Closed(reason)) if *reason == refused),
        "{outcome:?}"
    );
    assert_eq!(alice.rules().len(), 1);
    assert!(alice.remove_rule(RuleKind::Deny, bob.id()));
    bob.connect(alice.local_addr()).unwrap();

    let here: Network = "127.0.0.0/8".parse().unwrap();
    let shut = builder().deny(here, None).bind("127.0.0.1:0").unwrap();
    assert!(bob.connect(shut.local_addr()).is_err());
    let outcome = shut.connect(bob.local_addr());
    let denied = DialError::Denied(Denial::Listed);
    assert!(matches!(outcome, Err(ConnectError::Dial(error)) if error == denied));
    shut.clear_rules(RuleKind::Deny);
    shut.connect(bob.local_addr()).unwrap();
}

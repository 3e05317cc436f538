//! Somebody in the middle who has a key of their own, and opens both halves of the link with it.

use super::super::net::ms;
use super::super::secured::{node, tls};
use super::*;
use crate::error::Misbehavior;
use crate::node::{Input, Output};
use crate::session::Session;
use crate::session::tls::TlsContext;
use crate::wire::Protocol;

/// Answers node 0 and dials node 1 with one key, and passes on all that is said inside.
fn relay(context: &TlsContext) -> impl FnMut(usize, &[u8]) -> Vec<Deed> + 'static {
    let halves = [context.accept().unwrap(), context.dial().unwrap()];
    let mut halves = halves.map(|half| Session::Tls(Box::new(half)));
    // What node 0 says before the other half is open.
    let mut waiting = [Vec::new(), Vec::new()];
    move |from, data| {
        assert_eq!(halves[from].received(data), data.len());
        let plain = match halves[from].step(usize::MAX) {
            Ok(progress) => progress.messages.concat(),
            Err(_) => Vec::new(),
        };
        waiting[from].extend(plain);
        for side in [0, 1] {
            let other = 1 - side;
            if halves[other].is_established() && !waiting[side].is_empty() {
                halves[other].send(&std::mem::take(&mut waiting[side])).unwrap();
            }
        }
        let [near, far] = [from, 1 - from];
        let back = halves[near].take_transmit().map(|data| Deed::Back(data.to_vec()));
        let on = halves[far].take_transmit().map(|data| Deed::Pass(data.to_vec()));
        back.into_iter().chain(on).collect()
    }
}

fn mesh() -> String {
    Protocol::new("mesh", "tls13-rpk/1").id().to_owned()
}

#[test]
fn somebody_elses_key_in_the_middle_is_found_out_where_an_id_is_expected() {
    let mut trio = Trio::new();
    let mallory = identity(9);
    let expected = Some(trio.net.id(1));
    let before = [0, 1].map(|number| trio.net.nodes[number].stats().frames_out);
    let middle = relay(&TlsContext::new(&mallory, &mesh()).unwrap());
    let outcome = trio.attack_dial("a relay", expected, middle);
    assert_eq!(outcome.ends[0], [CloseReason::WrongPeer(mallory.node_id())]);
    assert!(!outcome.ends[1].is_empty());
    // What the two broadcast went to node 2 alone: no handshake, nothing else but the word that
    // node 0 wants somebody else.
    let after = [0, 1].map(|number| trio.net.nodes[number].stats().frames_out);
    let calm = trio.attack("nobody there", |_, _| vec![]);
    let later = [0, 1].map(|number| trio.net.nodes[number].stats().frames_out);
    assert!(!calm.stands);
    let usual = [0, 1].map(|it| later[it] - after[it]);
    assert_eq!([0, 1].map(|it| after[it] - before[it]), [usual[0] + 1, usual[1]]);
}

#[test]
fn somebody_elses_key_in_the_middle_is_found_out_where_anybody_will_do() {
    let mut trio = Trio::new();
    let outcome = trio.attack("a relay", relay(&TlsContext::new(&identity(9), &mesh()).unwrap()));
    // Node 1 hears the id of node 0 from somebody who has proven another.
    assert_eq!(outcome.ends[1], [CloseReason::Misbehaved(Misbehavior::FalseId)]);
    assert!(!outcome.stands);
}

#[test]
fn a_key_that_is_shown_without_its_secret_opens_neither_half() {
    for shown in [0, 1] {
        let mut trio = Trio::new();
        let shown = identity(shown).public_key();
        let expected = Some(trio.net.id(1));
        let middle = relay(&TlsContext::forged(&identity(9), &shown, &mesh()));
        let outcome = trio.attack_dial("a forger", expected, middle);
        for reasons in &outcome.ends {
            assert!(matches!(reasons[..], [CloseReason::Encryption(_)]), "{:?}", outcome.ends);
        }
    }
}

/// The dial leads back to the node itself, by an address that it does not know for its own.
#[test]
fn a_node_led_to_itself_knows_its_own_key() {
    let mut node = node(tls(0), 0);
    let now = ms(0);
    let dialed = node.dial(now, addr(5)).unwrap();
    let accepted = node.accept(now, addr(6)).unwrap();
    node.handle_input(now, Input::Connected { conn: dialed });
    let mut failed = None;
    while let Some(output) = node.poll_output() {
        match output {
            Output::Transmit { conn, data } => {
                let conn = if conn == dialed { accepted } else { dialed };
                node.handle_input(now, Input::Received { conn, data: &data });
            }
            Output::Event(Event::DialFailed { reason, .. }) => failed = Some(reason),
            _ => {}
        }
    }
    assert_eq!(failed, Some(CloseReason::SelfConnection));
    assert_eq!(node.stats().frames_out, 0);
}

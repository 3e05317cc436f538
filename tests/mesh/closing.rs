//! `close` at random moments under load. Every message that `send` accepted for a neighbor is
//! delivered there, or the neighbor is named: by the report, or, where it was lost before, by an
//! event.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use rs2p::{CloseReason, CloseReport, Compress, Config, Event, MeshSocket, NodeId};

use super::proxy::{Proxy, Random, Way};
use super::raw::Raw;
use super::{PATIENCE, builder, until, within};

/// Far below a test's patience: some neighbors are not going to be done.
const LINGER: Duration = Duration::from_millis(250);

fn node(linger: Duration) -> MeshSocket {
    let change = |config: &mut Config| {
        config.compress = Compress::Never;
        config.limits.linger_timeout = linger;
        config.limits.max_frame_len = 64 << 10;
        config.limits.max_backlog_len = 1 << 20;
    };
    let builder = builder().max_outgoing(0).max_inbox_count(1 << 20).max_inbox_len(1 << 30);
    builder.configure(change).bind("127.0.0.1:0").unwrap()
}

/// What becomes of a neighbor around the moment of the close.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// Nothing.
    Good,
    /// The link to it is slow.
    Slow,
    /// It stops reading.
    Stuck,
    /// Its link is reset when so many messages have been sent.
    Reset(u64),
    /// It goes, with something unread, when so many messages have been sent.
    Gone(u64),
}

/// One neighbor of the node that is closed.
struct Neighbor {
    fate: Fate,
    id: NodeId,
    node: Option<MeshSocket>,
    proxy: Option<Proxy>,
    raw: Option<Raw>,
}

impl Neighbor {
    fn of(mesh: &MeshSocket, fate: Fate, seed: u64) -> Self {
        if matches!(fate, Fate::Gone(_)) {
            let raw = Raw::neighbor_of(mesh);
            return Self { fate, id: raw.id, node: None, proxy: None, raw: Some(raw) };
        }
        let node = node(PATIENCE);
        let proxy = Proxy::new(node.local_addr(), [Way::Pass; 2], seed);
        let is_direct = fate == Fate::Good && seed % 2 == 0;
        mesh.connect(if is_direct { node.local_addr() } else { proxy.addr }).unwrap();
        assert_eq!(node.wait_for_peers(1, PATIENCE), 1);
        match fate {
            Fate::Slow => proxy.set([Way::Rate(400_000), Way::Pass]),
            Fate::Stuck => proxy.set([Way::Stop, Way::Pass]),
            _ => {}
        }
        Self { fate, id: node.id(), node: Some(node), proxy: Some(proxy), raw: None }
    }

    /// Called for each message that was sent.
    fn strike(&mut self, sent: u64) {
        match (self.fate, &self.proxy) {
            (Fate::Reset(at), Some(proxy)) if at == sent => proxy.reset(),
            (Fate::Gone(at), _) if at == sent => drop(self.raw.take()),
            _ => {}
        }
    }

    /// The messages that it got, once the link is over.
    fn got(&self) -> BTreeSet<u64> {
        let Some(node) = self.node.as_ref().filter(|_| self.fate != Fate::Stuck) else {
            return BTreeSet::new();
        };
        until(node, |node| node.routing_table().is_empty());
        let messages = std::iter::from_fn(|| node.try_recv().unwrap());
        let numbers: Vec<_> = messages.map(|message| number_of(&message)).collect();
        let distinct: BTreeSet<_> = numbers.iter().copied().collect();
        assert_eq!(distinct.len(), numbers.len(), "twice");
        distinct
    }
}

fn number_of(message: &rs2p::Message) -> u64 {
    u64::from_be_bytes(message.contents().next().unwrap().try_into().unwrap())
}

/// The neighbors that were lost while the node was not closed.
fn lost(mesh: &MeshSocket) -> BTreeSet<NodeId> {
    let events = std::iter::from_fn(|| mesh.next_event(PATIENCE).ok().flatten());
    events
        .filter_map(|event| match event {
            Event::PeerLost { id, reason } if reason != CloseReason::Local => Some(id),
            _ => None,
        })
        .collect()
}

/// Sends until the node is closed. Tells of each message that was accepted who refused it.
fn talk(mesh: &MeshSocket, thread: u64, seed: u64, told: &Sender<(u64, Vec<NodeId>)>) {
    let mut random = Random(seed ^ thread);
    for count in 0.. {
        let number = (thread << 32) | count;
        let len = [0, 100, 2_000, 30_000][random.index(4)];
        let sent = mesh.send(&[number.to_be_bytes().to_vec(), vec![7; len]]);
        match sent {
            Ok(report) => {
                let refused = report.refused().iter().map(|(id, _)| *id).collect();
                let _ = told.send((number, refused));
            }
            Err(rs2p::SendError::NoNeighbors) => {
                if !mesh.status().is_running() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

/// Returns how many messages were accepted, and whether the report was clean.
fn round(seed: u64) -> (usize, bool) {
    let mut random = Random(seed);
    let moment = random.below(150);
    let fates: Vec<_> = (0..1 + random.below(3))
        .map(|_| match random.below(10) {
            0 => Fate::Slow,
            1 => Fate::Stuck,
            2 => Fate::Reset(random.below(moment + 3)),
            3 => Fate::Gone(random.below(moment + 3)),
            _ => Fate::Good,
        })
        .collect();
    // Where all are good they are waited for, however busy the machine is.
    let all_are_good = fates.iter().all(|fate| *fate == Fate::Good);
    let mesh = node(if all_are_good { PATIENCE } else { LINGER });
    let mut neighbors: Vec<_> =
        fates.into_iter().map(|fate| Neighbor::of(&mesh, fate, random.below(u64::MAX))).collect();
    let (told, accepted) = channel();
    let threads: Vec<_> = (0..2)
        .map(|thread| {
            let (mesh, told) = (mesh.clone(), told.clone());
            thread::spawn(move || talk(&mesh, thread, seed, &told))
        })
        .collect();
    drop(told);
    // The moment comes after so many messages; what the threads do at the same time is chance.
    let mut messages = Vec::new();
    for sent in 0..moment {
        let Ok(message) = accepted.recv_timeout(PATIENCE) else { break };
        messages.push(message);
        neighbors.iter_mut().for_each(|neighbor| neighbor.strike(sent));
    }
    let timeout = match random.below(4) {
        0 => Some(Duration::from_millis(random.below(30))),
        _ => None,
    };
    let closing = mesh.clone();
    let report = within(PATIENCE, move || match timeout {
        Some(timeout) => closing.close_timeout(timeout),
        None => closing.close(),
    });
    for sent in moment..moment + 3 {
        neighbors.iter_mut().for_each(|neighbor| neighbor.strike(sent));
    }
    messages.extend(accepted);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    check(seed, &mesh, &neighbors, &messages, &report, timeout);
    (messages.len(), report.is_clean())
}

fn check(
    seed: u64,
    mesh: &MeshSocket,
    neighbors: &[Neighbor],
    messages: &[(u64, Vec<NodeId>)],
    report: &CloseReport,
    timeout: Option<Duration>,
) {
    let lost = lost(mesh);
    let all_are_good = neighbors.iter().all(|neighbor| neighbor.fate == Fate::Good);
    if all_are_good && timeout.is_none() {
        assert!(report.is_clean() && lost.is_empty(), "seed {seed}: {report:?}, {lost:?}");
    }
    for neighbor in neighbors {
        let Neighbor { fate, id, .. } = neighbor;
        let is_unsent = report.unsent().iter().any(|(unsent, _)| unsent == id);
        let is_named = is_unsent || report.unconfirmed().contains(id) || lost.contains(id);
        if is_named {
            continue;
        }
        assert!(!matches!(fate, Fate::Gone(at) if *at < messages.len() as u64), "seed {seed}");
        let got = neighbor.got();
        let missing = messages
            .iter()
            .filter(|(number, refused)| !refused.contains(id) && !got.contains(number))
            .count();
        assert_eq!(missing, 0, "seed {seed}: {fate:?} lacks some, and {report:?} does not tell");
    }
}

fn rounds(seeds: std::ops::Range<u64>) {
    let halves = [0, 1].map(|half| {
        let seeds = seeds.clone();
        thread::spawn(move || {
            let rounds = seeds.filter(|seed| seed % 2 == half).map(round);
            rounds.fold((0, 0), |(sent, clean), (more, is_clean)| {
                (sent + more, clean + usize::from(is_clean))
            })
        })
    });
    let sums = halves.map(|half| half.join().unwrap());
    let count = seeds.end - seeds.start;
    let [sent, clean] = [sums[0].0 + sums[1].0, sums[0].1 + sums[1].1];
    show(&format!("{count} closes: {sent} messages, {clean} clean reports"));
}

#[expect(clippy::print_stdout, reason = "how much was tried")]
fn show(line: &str) {
    println!("{line}");
}

#[test]
fn t39_what_was_accepted_before_a_close_at_any_moment_is_delivered_or_named() {
    rounds(0..20);
}

#[test]
#[ignore = "takes a minute"]
fn t39_a_thousand_closes_at_random_moments_lose_nothing_unnamed() {
    rounds(1_000..2_000);
}

#[test]
fn t39_close_takes_no_longer_than_it_is_given() {
    let mesh = super::node();
    let mut raw = Raw::neighbor_of(&mesh);
    let patience = Duration::from_millis(50);
    while mesh.send_timeout(&[vec![7; 1 << 20]], patience).unwrap().refused().is_empty() {}
    // The linger timeout is five seconds.
    let report = within(Duration::from_secs(4), move || mesh.close_timeout(patience));
    let [(id, len)] = report.unsent() else { panic!("{report:?}") };
    assert_eq!((*id, *len > 0, report.is_clean()), (raw.id, true, false));
    // The connection is gone, and not only out of sight.
    while raw.stream.read(&mut [0; 4_096]).is_ok_and(|len| len > 0) {}
}

#[test]
fn t39_a_neighbor_that_keeps_its_end_open_is_named_though_it_took_everything() {
    let mesh = node(LINGER);
    let raw = Raw::neighbor_of(&mesh);
    mesh.send(&["short"]).unwrap();
    let report = within(PATIENCE, move || mesh.close());
    assert_eq!((report.unsent(), report.unconfirmed()), (&[][..], &[raw.id][..]));
    assert!(!report.is_clean());
}

#[test]
fn t39_the_last_handle_may_be_dropped_on_the_loop_itself_and_calls_there_do_not_wait() {
    use std::sync::{Arc, OnceLock};
    let own: Arc<OnceLock<MeshSocket>> = Arc::default();
    let (sender, asked) = channel();
    let held = Arc::clone(&own);
    let mesh = builder()
        .max_outgoing(0)
        .admission(move |candidate| {
            let mesh = held.get().unwrap();
            let is_refused = mesh.send(&["x"]).is_err()
                && mesh.connect(candidate.addr).is_err()
                && mesh.locate(&candidate.id).is_err()
                && mesh.routing_table().is_empty();
            let _ = sender.send(is_refused && !mesh.close().is_clean());
            rs2p::Admission::Allow
        })
        .bind("127.0.0.1:0")
        .unwrap();
    let addr = mesh.local_addr();
    assert!(own.set(mesh).is_ok());
    // The function now holds the node that holds it.
    drop(own);
    let other = super::node();
    let _ = other.connect(addr);
    assert_eq!(asked.recv_timeout(PATIENCE), Ok(true));
    // The loop has been told to end, and takes the function and what that holds with it.
    within(PATIENCE, move || while asked.recv().is_ok() {});
}

//! Everything at once that hostile peers can do to a node, beside honest traffic whose delays are
//! measured. `cargo test --release --test mesh siege -- --ignored --nocapture`.

#[path = "../memory/bomb.rs"]
#[expect(dead_code, reason = "the tests of memory use the rest")]
mod bomb;

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rs2p::wire::Flag;
use rs2p::{MeshSocket, NodeId};

use super::raw::Raw;
use super::victim::Victim;
use super::{PATIENCE, node};

const LIMIT: Duration = Duration::from_millis(50);
const MIB: usize = 1 << 20;

/// What a node may hold: one neighbor's queue and one frame, what a decompressor takes, and some.
const MOST_MEMORY: usize = 8 * MIB + 4 * MIB + 32 * MIB + 48 * MIB;

/// Whispers with the victim, one every few milliseconds, and how long each took.
struct Honest {
    delays: Arc<Mutex<Vec<Duration>>>,
    is_over: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

#[expect(clippy::disallowed_methods, reason = "delays are measured here")]
fn now() -> Instant {
    Instant::now()
}

impl Honest {
    fn start(mesh: MeshSocket, victim: NodeId) -> Self {
        let delays: Arc<Mutex<Vec<Duration>>> = Arc::default();
        let is_over: Arc<AtomicBool> = Arc::default();
        let (kept, over) = (Arc::clone(&delays), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            let (_never, pace) = channel::<()>();
            while !over.load(Ordering::SeqCst) {
                let began = now();
                mesh.whisper(&victim, &["ping"]).unwrap();
                loop {
                    let message = mesh.recv_timeout(PATIENCE).unwrap().expect("no reply");
                    if message.is_whisper() {
                        break;
                    }
                }
                kept.lock().unwrap().push(began.elapsed());
                let _ = pace.recv_timeout(Duration::from_millis(4));
            }
        });
        Self { delays, is_over, thread }
    }

    /// The delays since the last call: how many, the 99th of a hundred, and the longest.
    fn take(&self) -> (usize, Duration, Duration) {
        let mut delays = std::mem::take(&mut *self.delays.lock().unwrap());
        delays.sort_unstable();
        let count = delays.len();
        assert!(count > 0, "there was no honest traffic");
        (count, delays[count * 99 / 100], delays[count - 1])
    }
}

/// Two hundred that say one byte a second, most before their handshake and some in a frame.
fn drip(addr: SocketAddr) {
    let mut neighbors: Vec<_> = (0..30).map(|_| Raw::dial(addr)).collect();
    let mut strangers: Vec<_> = (0..170).filter_map(|_| TcpStream::connect(addr).ok()).collect();
    let (_never, pace) = channel::<()>();
    for byte in [0, 0, 0, 200, 0, 0, 0, 9, 0, 0] {
        for stream in &mut strangers {
            let _ = stream.write(&[byte]);
        }
        for raw in &mut neighbors {
            let _ = raw.stream.write(&[byte]);
        }
        let _ = pace.recv_timeout(Duration::from_secs(1));
    }
}

/// Five thousand connections from one address, two hundred of them open at a time.
fn connects(addr: SocketAddr) {
    let mut open = VecDeque::new();
    for _ in 0..5_000 {
        if let Ok(stream) = TcpStream::connect(addr) {
            open.push_back(stream);
        }
        if open.len() > 200 {
            open.pop_front();
        }
    }
}

/// Frames that become a thousand times as long, again and again.
fn bombs(addr: SocketAddr) {
    for _ in 0..10 {
        for bomb in bomb::all() {
            let mut raw = Raw::dial(addr);
            let frame =
                [&u32::try_from(bomb.body.len()).unwrap().to_be_bytes()[..], &bomb.body].concat();
            // The first closes it.
            for _ in 0..10 {
                if raw.stream.write_all(&frame).is_err() {
                    break;
                }
            }
            let _ = raw.stream.shutdown(std::net::Shutdown::Write);
            let _ = raw.stream.read_to_end(&mut Vec::new());
        }
    }
}

/// A thousand times: say that again.
fn resends(addr: SocketAddr) {
    let mut raw = Raw::dial(addr);
    let whisper = raw.frame(Flag::Whisper, &[&b"whisper"[..], &[7; 60_000]]);
    let resend = raw.frame(Flag::Renegotiate, &["resend"]).repeat(1_000);
    let _ = raw.stream.write_all(&whisper);
    // The answer is what it wants again. Whoever leaves before it is there makes the other program
    // look for it, and wait for that.
    while raw.next().is_some_and(|message| message.sub_flag() != Some(Flag::Whisper)) {}
    let _ = raw.stream.write_all(&resend);
    let _ = raw.stream.shutdown(std::net::Shutdown::Write);
    let mut said = Vec::new();
    let _ = raw.stream.read_to_end(&mut said);
    assert!(said.len() < 4 * 61_000, "three more of 60,000 bytes, not {}", said.len());
}

#[test]
#[ignore = "takes a minute, and measures delays"]
fn honest_traffic_is_not_held_up_and_memory_is_bounded_while_everybody_attacks() {
    let mut victim = Victim::start(512);
    let addr = victim.addr;
    let [mesh, other] = [node(), node()];
    let id = mesh.connect(addr).unwrap();
    other.connect(addr).unwrap();
    let bystander = other.clone();
    let listening = thread::spawn(move || bystander.messages().count());
    let honest = Honest::start(mesh.clone(), id);
    let (_never, pace) = channel::<()>();
    let _ = pace.recv_timeout(Duration::from_secs(2));
    let resident = victim.resident();
    let mut worst = (0, Duration::ZERO, Duration::ZERO);
    let mut report = |what: &str, victim: &Victim| {
        let (count, p99, longest) = honest.take();
        let grown = victim.resident().saturating_sub(resident) / MIB;
        println!("{what:>12}: {count} exchanges, p99 {p99:?}, longest {longest:?}, +{grown} MiB");
        worst = (worst.0 + count, worst.1.max(p99), worst.2.max(longest));
        assert!(grown < MOST_MEMORY / MIB, "{what}: {grown} MiB more");
    };
    report("peace", &victim);
    drip(addr);
    report("drips", &victim);
    connects(addr);
    report("connects", &victim);
    let stuck = Raw::dial(addr);
    victim.tell("flood");
    assert_eq!(victim.hear(), "flooded");
    report("stuck reader", &victim);
    bombs(addr);
    report("bombs", &victim);
    (0..100).for_each(|_| resends(addr));
    report("resends", &victim);
    victim.ask("exhaust");
    for _ in 0..100 {
        drop(TcpStream::connect(addr));
        let _ = pace.recv_timeout(Duration::from_millis(20));
    }
    report("no files", &victim);
    victim.ask("free");
    let together = [drip, connects, bombs, |addr| (0..20).for_each(|_| resends(addr))];
    let threads = together.map(|attack| thread::spawn(move || attack(addr)));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    report("all at once", &victim);
    drop(stuck);
    honest.is_over.store(true, Ordering::SeqCst);
    honest.thread.join().unwrap();
    println!("descriptors {}, {}", victim.descriptors(), victim.ask("stats"));
    mesh.close();
    other.close();
    assert!(listening.join().unwrap() > 0, "the flood went to everybody");
    assert!(worst.1 < LIMIT, "p99 {:?}", worst.1);
}

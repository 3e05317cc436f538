//! Eight nodes that talk for long, while some of them come and go, one reads slowly and strangers
//! attack: memory, descriptors and threads stay where they were.
//!
//! `RS2P_SOAK_SECONDS=14400 cargo test --release --test soak -- --ignored --nocapture`; a minute
//! without the variable.

#![cfg(target_os = "linux")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it must be"
)]

#[path = "mesh/proxy.rs"]
#[expect(dead_code, reason = "the tests of meshes use the rest")]
mod proxy;
#[path = "mesh/raw.rs"]
#[expect(dead_code, reason = "the tests of meshes use the rest")]
mod raw;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rs2p::wire::Flag;
use rs2p::{Encryption, MeshSocket, Stats};

use proxy::{Proxy, Random, Way};
use raw::Raw;

const PATIENCE: Duration = Duration::from_secs(30);

/// The nodes that talk; the last of them is behind a slow link.
const COUNT: usize = 8;

/// Messages a second, of all together.
const RATE: u32 = 200;

/// How long memory may grow: the caches of what was seen fill within their two minutes.
const WARM_UP: Duration = Duration::from_secs(180);

const MIB: usize = 1 << 20;

/// A node, and the thread that takes what it receives.
struct Talker {
    mesh: MeshSocket,
    taking: JoinHandle<usize>,
}

impl Talker {
    fn start() -> Self {
        let builder = MeshSocket::builder().encryption(Encryption::Plaintext).max_outgoing(0);
        let mesh = builder.bind("127.0.0.1:0").unwrap();
        let clone = mesh.clone();
        Self { mesh, taking: thread::spawn(move || clone.messages().count()) }
    }

    /// Leaves the mesh. Everything that came is accounted for.
    fn end(self) -> Stats {
        self.mesh.close();
        let stats = self.mesh.stats();
        let taken = self.taking.join().unwrap() as u64;
        assert_eq!(stats.received, stats.delivered + stats.dropped.total(), "{stats:?}");
        assert_eq!(taken + stats.lagged, stats.delivered, "{stats:?}");
        stats
    }
}

#[expect(clippy::disallowed_methods, reason = "the soak lasts for a time")]
fn now() -> Instant {
    Instant::now()
}

/// What the process has: resident bytes, descriptors, threads.
#[derive(Clone, Copy, Debug)]
struct Has {
    resident: usize,
    descriptors: usize,
    threads: usize,
}

fn has() -> Has {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    // Pages of 4 KiB; where they are larger this says too little.
    let resident = statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 12;
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    Has { resident, descriptors: count("/proc/self/fd"), threads: count("/proc/self/task") }
}

/// Bothers one node after the other until told to stop.
fn attack(addrs: &[SocketAddr], over: &Receiver<()>, seed: u64) {
    let mut random = Random(seed);
    let mut held = Vec::new();
    while over.recv_timeout(Duration::from_millis(50)).is_err() {
        let addr = addrs[random.index(addrs.len())];
        let Ok(mut stream) = TcpStream::connect(addr) else { continue };
        let _ = match random.below(4) {
            0 => stream.write_all(b"GET / HTTP/1.1\r\n\r\n"),
            1 => stream.write_all(b"\xff\xff\xff\xff"),
            2 => stream.write_all(&[0; 5_000]),
            _ => {
                let mut raw = Raw::dial(addr);
                let resend = raw.frame(Flag::Renegotiate, &["resend"]).repeat(50);
                let garbage = raw.broadcast(&[9; 300]);
                let _ = raw.stream.write_all(&resend);
                raw.stream.write_all(&garbage[..garbage.len() - 7])
            }
        };
        // Some stay open, and say nothing more.
        held.push(stream);
        if held.len() > 20 {
            held.clear();
        }
    }
}

#[expect(clippy::print_stdout, reason = "a soak is watched")]
fn show(line: &str) {
    println!("{line}");
}

fn soak(time: Duration) {
    let mut random = Random(7);
    let mut talkers: Vec<_> = (0..COUNT).map(|_| Talker::start()).collect();
    for index in 1..COUNT {
        for other in [index - 1, index / 2] {
            if index != COUNT - 1 && other != index {
                let _ = talkers[index].mesh.connect(talkers[other].mesh.local_addr());
            }
        }
    }
    let slow = &talkers[COUNT - 1].mesh;
    let proxy = Proxy::new(slow.local_addr(), [Way::Pass; 2], 7);
    talkers[0].mesh.add_seed(proxy.addr).unwrap();
    assert_eq!(slow.wait_for_peers(1, PATIENCE), 1);
    // Those that stay are attacked.
    let addrs: Vec<_> = talkers[..2].iter().map(|talker| talker.mesh.local_addr()).collect();
    let (stop, over) = channel();
    let attacker = thread::spawn(move || attack(&addrs, &over, 7));
    let noise = random.bytes(1_024);
    let (_never, pace) = channel::<()>();
    let began = now();
    let (mut settled, mut last): (Option<Has>, Has) = (None, has());
    let mut sent = 0;
    for second in 1.. {
        for _ in 0..RATE {
            let talker = &talkers[random.index(COUNT)];
            sent += usize::from(talker.mesh.send(&[&noise]).is_ok());
            let _ = pace.recv_timeout(Duration::from_secs(1) / RATE);
        }
        match second % 5 {
            0 => {
                // Not those that are attacked, nor the slow one.
                let place = 2 + random.index(COUNT - 3);
                let fresh = Talker::start();
                for other in [0, 1] {
                    fresh.mesh.connect(talkers[other].mesh.local_addr()).unwrap();
                }
                std::mem::replace(&mut talkers[place], fresh).end();
            }
            1 => proxy.set([Way::Rate(20_000), Way::Pass]),
            2 if second % 30 == 2 => proxy.set([Way::Stop, Way::Pass]),
            3 if second % 30 == 3 => proxy.reset(),
            _ => proxy.set([Way::Pass; 2]),
        }
        last = has();
        if settled.is_none() && began.elapsed() >= (time / 2).min(WARM_UP) {
            settled = Some(last);
        }
        if second % 10 == 0 {
            show(&format!("{:?}: {sent} sent, {last:?}", began.elapsed()));
        }
        if began.elapsed() >= time {
            break;
        }
    }
    let settled = settled.unwrap_or(last);
    stop.send(()).unwrap();
    attacker.join().unwrap();
    let stats: Vec<_> = talkers.into_iter().map(Talker::end).collect();
    drop(proxy);
    // The others may just have come.
    assert!([0, 1, COUNT - 1].iter().all(|&stays| stats[stays].delivered > 0), "{stats:?}");
    assert!(last.resident < COUNT * 96 * MIB, "{last:?}");
    // A mebibyte a minute, and what an allocator keeps or not.
    let minutes = usize::try_from(time.as_secs() / 60).unwrap();
    let most = settled.resident + (16 + minutes) * MIB;
    assert!(last.resident <= most, "{settled:?}, and at the end {last:?}");
}

#[test]
#[ignore = "takes as long as it is told, and looks at the whole process"]
fn memory_descriptors_and_threads_stay_flat_while_nodes_come_and_go() {
    let seconds = std::env::var("RS2P_SOAK_SECONDS").ok().and_then(|text| text.parse().ok());
    let before = has();
    soak(Duration::from_secs(seconds.unwrap_or(60)));
    // Sockets that nodes leave to the system, and threads that see their end, take a moment.
    let (_never, pace) = channel::<()>();
    let mut after = has();
    for _ in 0..200 {
        if after.descriptors <= before.descriptors && after.threads <= before.threads {
            break;
        }
        let _ = pace.recv_timeout(Duration::from_millis(50));
        after = has();
    }
    println!("before {before:?}, after {after:?}");
    assert_eq!((after.descriptors, after.threads), (before.descriptors, before.threads));
}

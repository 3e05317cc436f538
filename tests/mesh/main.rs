//! Meshes of real sockets on loopback. Each test waits for what it expects, never for time to
//! pass; the limits on waiting are far above what a busy machine needs.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it must be"
)]

#[cfg(feature = "tls")]
mod admission;
mod chaos;
mod closing;
mod delivery;
mod dialing;
mod ending;
#[cfg(target_os = "linux")]
mod exhausted;
mod failing;
mod idle;
mod inbox;
mod life;
#[cfg(feature = "tls")]
mod middle;
mod proxy;
mod publishing;
mod queueing;
mod raw;
#[cfg(feature = "sim")]
mod record;
#[cfg(feature = "rsa")]
mod rsa_attacks;
#[cfg(any(feature = "rsa", feature = "tls"))]
mod secured;
#[cfg(target_os = "linux")]
mod siege;
#[cfg(feature = "rsa")]
mod stranger;
#[cfg(target_os = "linux")]
mod victim;
#[cfg(feature = "chaos")]
mod weather;

use std::thread;
use std::time::Duration;

use rs2p::{Builder, Encryption, MeshSocket};

const PATIENCE: Duration = Duration::from_secs(30);

fn builder() -> Builder {
    MeshSocket::builder().encryption(Encryption::Plaintext)
}

fn node() -> MeshSocket {
    builder().max_outgoing(0).bind("127.0.0.1:0").unwrap()
}

/// Nodes with these links, each known at both ends.
fn linked(count: usize, links: &[(usize, usize)]) -> Vec<MeshSocket> {
    let nodes: Vec<_> = (0..count).map(|_| node()).collect();
    for &(from, to) in links {
        nodes[from].connect(nodes[to].local_addr()).unwrap();
    }
    for (index, node) in nodes.iter().enumerate() {
        let degree = links.iter().filter(|&&(a, b)| a == index || b == index).count();
        assert_eq!(node.wait_for_peers(degree, PATIENCE), degree);
    }
    nodes
}

/// What `call` returns; fails if that takes longer than so long.
fn within<T: Send + 'static>(limit: Duration, call: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, result) = std::sync::mpsc::channel();
    thread::spawn(move || sender.send(call()));
    result.recv_timeout(limit).expect("it takes too long")
}

/// Waits until something can be seen at a socket, which is looked at again and again.
fn until(mesh: &MeshSocket, holds: impl Fn(&MeshSocket) -> bool) {
    let mut looks = 0;
    while !holds(mesh) {
        looks += 1;
        assert!(looks < PATIENCE.as_millis(), "it does not come to be");
        assert!(mesh.wait_for_peers(usize::MAX, Duration::from_millis(1)) < usize::MAX);
    }
}

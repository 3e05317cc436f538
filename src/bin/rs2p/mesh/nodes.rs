//! The nodes of the mesh, from opening to closing.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rs2p::{MeshSocket, NodeId, Payloads, Recorder};

use super::error::MeshError;
use super::options::Options;
use super::receivers::Body;
use super::storm::Storm;
use crate::clock;
use crate::interrupt::Interrupt;
use crate::topology::Links;
use crate::traffic::Traffic;

/// The files that a node keeps open (listener, and the spare one behind it, poller, waker) and those
/// that each link does.
const FILES_PER_NODE: usize = 4;
const FILES_PER_LINK: usize = 2;

/// The files that any program has open, and those of nodes that try each other's addresses.
const FILES_OTHER: usize = 32;

/// How often it is looked whether the user wants an end.
const LOOK_PERIOD: Duration = Duration::from_millis(50);

/// As many handshakes a second as a node may take at most: here all come from friends.
const NO_LIMIT: usize = 1_000_000;

/// Enough for as many neighbors as there may be, under every encryption.
const MAX_MEMORY: usize = 512 << 20;

/// How many nodes leave at once. Waiting is most of it.
const CLOSING_THREADS: usize = 16;

/// Refuses a mesh that would run out of open files, where the limit can be known.
pub(super) fn check_open_files(options: &Options, link_count: usize) -> Result<(), MeshError> {
    let per_node = FILES_PER_NODE + usize::from(options.record.is_some());
    let needed = options.nodes * per_node + link_count * FILES_PER_LINK + FILES_OTHER;
    match open_files_limit() {
        Some(limit) if limit < needed => Err(MeshError::TooManyFiles { needed, limit }),
        _ => Ok(()),
    }
}

/// The soft limit of this process, where the operating system tells it by a file (Linux).
fn open_files_limit() -> Option<usize> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[derive(Debug)]
pub(super) struct Nodes {
    sockets: Vec<MeshSocket>,
    /// Of each node, where they are recorded.
    recorders: Vec<(PathBuf, Recorder)>,
}

impl Nodes {
    /// Opens all nodes, or fewer if it is interrupted.
    pub(super) fn bind(
        options: &Options,
        storm: Option<&Storm>,
        interrupt: &Interrupt,
        mut progress: impl FnMut(usize),
    ) -> Result<Self, MeshError> {
        let mut sockets = Vec::with_capacity(options.nodes);
        let mut recorders = Vec::new();
        for node in 0..options.nodes {
            if interrupt.is_set() {
                break;
            }
            let mut builder = MeshSocket::builder()
                .encryption(options.encryption)
                .max_outgoing(0)
                .configure(|config| {
                    // The hub of a star takes all others.
                    config.limits.max_incoming = options.nodes;
                    config.limits.max_memory = MAX_MEMORY;
                    config.limits.max_handshakes = NO_LIMIT;
                    config.limits.max_handshake_burst = NO_LIMIT;
                    config.limits.connect_timeout = options.timeout;
                    config.limits.handshake_timeout = options.timeout;
                });
            if let Some(storm) = storm {
                builder = storm.apply(builder);
            }
            if let Some(folder) = &options.record {
                let (path, recorder) = record(folder, node)?;
                builder = builder.record(&recorder);
                recorders.push((path, recorder));
            }
            let socket =
                builder.bind("127.0.0.1:0").map_err(|error| MeshError::Bind { node, error })?;
            sockets.push(socket);
            progress(sockets.len());
        }
        Ok(Self { sockets, recorders })
    }

    /// Makes the links, and waits until both ends of each know of it, or until it is interrupted.
    pub(super) fn join(
        &self,
        links: &Links,
        timeout: Duration,
        interrupt: &Interrupt,
        mut progress: impl FnMut(usize),
    ) -> Result<(), MeshError> {
        for (done, &(from, to)) in links.pairs().iter().enumerate() {
            if interrupt.is_set() {
                return Ok(());
            }
            if let (Some(dialer), Some(other)) = (self.sockets.get(from), self.sockets.get(to)) {
                dialer.connect(other.local_addr()).map_err(|error| MeshError::Connect {
                    from,
                    to,
                    error,
                })?;
            }
            progress(done + 1);
        }
        for (node, (socket, wanted)) in self.sockets.iter().zip(links.neighbors()).enumerate() {
            let found = wait_for_peers(socket, wanted.len(), timeout, interrupt);
            if interrupt.is_set() {
                return Ok(());
            }
            if found < wanted.len() {
                let found: Vec<NodeId> =
                    socket.routing_table().into_iter().map(|peer| peer.id).collect();
                let is_found = |id: NodeId| found.contains(&id);
                let missing = wanted
                    .iter()
                    .copied()
                    .filter(|&node| !self.sockets.get(node).is_some_and(|it| is_found(it.id())))
                    .collect();
                return Err(MeshError::Joining { node, missing });
            }
        }
        Ok(())
    }

    /// Has links that break made again.
    pub(super) fn keep(&self, links: &Links) {
        for &(from, to) in links.pairs() {
            if let (Some(dialer), Some(other)) = (self.sockets.get(from), self.sockets.get(to)) {
                // An address is a name that can always be resolved.
                drop(dialer.add_seed(other.local_addr()));
            }
        }
    }

    /// Broadcasts a message from the node whose turn it is.
    pub(super) fn send(&self, number: u64, body: &Body) -> Result<(), MeshError> {
        let node = turn(number, self.count());
        let Some(socket) = self.sockets.get(node) else { return Ok(()) };
        socket.send(&body.packets(number)).map(drop).map_err(|error| MeshError::Send {
            node,
            number,
            error,
        })
    }

    /// All leave the mesh. Returns how many did in good order.
    pub(super) fn close(&self, progress: impl Fn(usize)) -> usize {
        let mut good = 0;
        let mut done = 0;
        for sockets in self.sockets.chunks(CLOSING_THREADS) {
            good += thread::scope(|scope| {
                let closing: Vec<_> =
                    sockets.iter().map(|socket| scope.spawn(|| socket.close())).collect();
                closing
                    .into_iter()
                    .filter_map(|it| it.join().ok())
                    .filter(rs2p::CloseReport::is_clean)
                    .count()
            });
            done += sockets.len();
            progress(done);
        }
        good
    }

    /// Ends the records of nodes that have left.
    pub(super) fn finish_records(self) -> Result<(), MeshError> {
        for (path, recorder) in self.recorders {
            recorder.finish().map_err(|error| MeshError::Record { path, error })?;
        }
        Ok(())
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic::of(self.sockets.iter().map(MeshSocket::stats))
    }

    /// The links whose two ends know of them, if no other links are between them.
    pub(super) fn links_up(&self) -> usize {
        let ends = self.sockets.iter().map(|socket| socket.wait_for_peers(0, Duration::ZERO));
        ends.sum::<usize>() / 2
    }

    pub(super) fn sockets(&self) -> &[MeshSocket] {
        &self.sockets
    }

    pub(super) fn ids(&self) -> Vec<NodeId> {
        self.sockets.iter().map(MeshSocket::id).collect()
    }

    pub(super) fn count(&self) -> usize {
        self.sockets.len()
    }
}

/// Begins the record of a node.
fn record(folder: &Path, node: usize) -> Result<(PathBuf, Recorder), MeshError> {
    let path = folder.join(format!("node-{node}.record"));
    let recorder = fs::create_dir_all(folder)
        .and_then(|()| Recorder::create(&path, Payloads::Whole))
        .map_err(|error| MeshError::Record { path: path.clone(), error })?;
    Ok((path, recorder))
}

/// Waits for neighbors as the socket does, but not when it is interrupted.
fn wait_for_peers(
    socket: &MeshSocket,
    wanted: usize,
    timeout: Duration,
    interrupt: &Interrupt,
) -> usize {
    let start = clock::now();
    loop {
        let left = timeout.saturating_sub(start.elapsed());
        let found = socket.wait_for_peers(wanted, left.min(LOOK_PERIOD));
        if found >= wanted || left.is_zero() || interrupt.is_set() {
            return found;
        }
    }
}

/// The node that sends a message: each in turn.
pub(super) fn turn(number: u64, node_count: usize) -> usize {
    usize::try_from(number).unwrap_or_default() % node_count.max(1)
}

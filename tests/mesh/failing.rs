//! A loop that panics. Nobody waits for it any more, and the status tells what happened.
//!
//! The panics come from the one piece of a program's own code that runs everywhere in a loop: its
//! logger.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use log::{LevelFilter, Log, Metadata, Record};
use rs2p::{ConnectError, LocateError, MeshSocket, RecvError, SendError, WhisperError};

use super::raw::Raw;
use super::{PATIENCE, builder, until, within};

/// The names of the threads whose logger is to panic.
static CONDEMNED: LazyLock<Mutex<BTreeSet<String>>> = LazyLock::new(Mutex::default);

struct Panicking;

impl Log for Panicking {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let thread = thread::current();
        let condemned = CONDEMNED.lock().unwrap_or_else(PoisonError::into_inner);
        let is_condemned = thread.name().is_some_and(|name| condemned.contains(name));
        drop(condemned);
        assert!(!is_condemned, "the logger does not like {}", record.args());
    }

    fn flush(&self) {}
}

/// A node whose loop panics at the next line that it logs.
struct Doomed {
    mesh: MeshSocket,
    /// A neighbor that does not read.
    raw: Raw,
}

impl Doomed {
    fn new() -> Self {
        let change = |config: &mut rs2p::Config| {
            config.compress = rs2p::Compress::Never;
            config.limits.handshake_timeout = Duration::from_secs(2);
        };
        let mesh = builder().max_outgoing(0).configure(change).bind("127.0.0.1:0").unwrap();
        let raw = Raw::neighbor_of(&mesh);
        let patience = Duration::from_millis(50);
        while mesh.send_timeout(&[vec![7; 1 << 20]], patience).unwrap().refused().is_empty() {}
        Self { mesh, raw }
    }

    fn condemn(&self) {
        // Another test may have been here before.
        let _ = log::set_logger(&Panicking);
        log::set_max_level(LevelFilter::Debug);
        let name = format!("rs2p-{}", self.mesh.id().short());
        CONDEMNED.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }
}

type Call = Box<dyn FnOnce(MeshSocket) -> bool + Send>;

/// Everything that waits, and whether it is told what it must be.
fn calls(silent: &TcpListener) -> Vec<Call> {
    let (addr, far) = (silent.local_addr().unwrap(), "far".parse::<rs2p::NodeId>().unwrap());
    vec![
        Box::new(|mesh| mesh.recv() == Err(RecvError::Closed)),
        Box::new(|mesh| mesh.recv_timeout(PATIENCE * 2) == Err(RecvError::Closed)),
        Box::new(|mesh| mesh.events().all(|event| matches!(event, rs2p::Event::PeerJoined(_)))),
        Box::new(|mesh| mesh.wait_for_peers(9, PATIENCE * 2) == 0),
        Box::new(move |mesh| matches!(mesh.connect(addr), Err(ConnectError::SocketClosed))),
        Box::new(move |mesh| mesh.locate(&far) == Err(LocateError::Closed)),
        Box::new(move |mesh| {
            let outcome = mesh.whisper(&far, &["x"]);
            outcome == Err(WhisperError::Send(SendError::Closed))
        }),
        Box::new(|mesh| {
            let outcome = mesh.send_timeout(&[vec![7; (4 << 20) - 1_024]], PATIENCE * 2);
            outcome.unwrap_err() == SendError::Closed
        }),
    ]
}

/// Has a loop panic while all sorts of calls wait for it.
fn everybody_is_woken(what: &str, said: &str, strike: impl FnOnce(&MeshSocket)) {
    let doomed = Doomed::new();
    let mesh = &doomed.mesh;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let threads: Vec<_> = calls(&silent)
        .into_iter()
        .map(|call| {
            let clone = mesh.clone();
            thread::spawn(move || call(clone))
        })
        .collect();
    until(mesh, |mesh| mesh.tools().pending_requests().len() == 2 && mesh.awaiting().len() == 1);
    doomed.condemn();
    strike(mesh);
    for (index, thread) in threads.into_iter().enumerate() {
        assert!(within(PATIENCE, || thread.join().unwrap()), "{what}: call {index}");
    }
    let status = mesh.status();
    let failure = status.failure().unwrap_or_default();
    assert!(failure.contains("the logger does not like") && failure.contains(said), "{status}");
    assert_eq!(status.to_string(), format!("Failed: {failure}"));
    assert!(!status.is_running() && !status.is_nominal());
    let mesh = mesh.clone();
    let report = within(PATIENCE, move || mesh.close());
    assert!(!report.is_clean());
    // What the node still has in its tables is named.
    let named: Vec<_> = report.unsent().iter().map(|(id, _)| *id).collect();
    assert!(named == [doomed.raw.id] || what == "command", "{report:?}");
}

#[test]
fn t19_a_panic_while_bytes_are_taken_in_wakes_everybody_and_is_the_status() {
    everybody_is_woken("received", "no valid message", |mesh| {
        let mut stranger = TcpStream::connect(mesh.local_addr()).unwrap();
        stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    });
}

#[test]
fn t19_a_panic_in_a_command_wakes_everybody_and_is_the_status() {
    everybody_is_woken("command", "closed by this node", |mesh| {
        // The panic comes while the connection is taken out of the tables.
        assert!(!mesh.disconnect(&mesh.routing_table()[0].id));
    });
}

#[test]
fn t19_a_panic_when_a_timer_is_due_wakes_everybody_and_is_the_status() {
    // The peer that is being dialled does not answer, and nothing else happens.
    everybody_is_woken("timer", "took too long", |_| {});
}

#[test]
fn t19_a_panic_while_a_connection_is_dialled_wakes_everybody_and_is_the_status() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    everybody_is_woken("dialled", "the network failed", |mesh| drop(mesh.start_connect(gone)));
}

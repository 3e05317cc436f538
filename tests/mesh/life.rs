//! From bind to close.

use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use rs2p::{
    BindError, CloseReason, ConnectError, DialError, MeshSocket, NetworkError, RecvError, SendError,
};

use super::{PATIENCE, builder, linked, node, within};

fn connect_error(from: &MeshSocket, to: std::net::SocketAddr) -> ConnectError {
    from.connect(to).unwrap_err()
}

#[cfg(feature = "tls")]
#[test]
fn a_mesh_without_a_choice_of_encryption_is_under_tls() {
    let [one, other] = [(); 2].map(|()| MeshSocket::builder().bind("127.0.0.1:0").unwrap());
    assert_eq!(one.protocol().encryption(), "tls13-rpk/1");
    assert_eq!(one.connect(other.local_addr()).unwrap(), other.id());
    assert_ne!(one.id(), other.id());
    let refused = node().connect(one.local_addr());
    assert!(matches!(refused, Err(ConnectError::Closed(CloseReason::OtherEncryption(_)))));
}

#[cfg(not(feature = "tls"))]
#[test]
fn a_build_without_tls_has_no_default_encryption() {
    let refused = MeshSocket::builder().bind("127.0.0.1:0");
    assert!(matches!(refused, Err(BindError::NoEncryption)));
}

#[test]
fn an_address_in_use_and_a_bad_configuration_are_refused() {
    let taken = node();
    let refused = builder().bind(taken.local_addr());
    assert!(matches!(refused, Err(BindError::Io(error)) if error.kind() == ErrorKind::AddrInUse));
    let refused = builder().configure(|config| config.limits.max_packets = 0).bind("127.0.0.1:0");
    assert!(matches!(refused, Err(BindError::Config(_))));
    assert!(matches!(builder().bind("no port"), Err(BindError::Resolve(_))));
}

#[test]
fn each_way_of_not_connecting_has_its_own_error() {
    let mesh = node();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = connect_error(&mesh, gone);
    let is_refused = |error: NetworkError| error.kind() == ErrorKind::ConnectionRefused;
    assert!(
        matches!(error, ConnectError::Closed(CloseReason::Network(error)) if is_refused(error)),
        "{error}"
    );

    let other = builder().subnet("other").bind("127.0.0.1:0").unwrap();
    let error = connect_error(&mesh, other.local_addr());
    assert!(matches!(error, ConnectError::Closed(CloseReason::WrongProtocol)), "{error}");

    let error = connect_error(&mesh, mesh.local_addr());
    assert!(matches!(error, ConnectError::Dial(DialError::SelfConnection)), "{error}");

    let peer = node();
    let id = mesh.connect(peer.local_addr()).unwrap();
    assert_eq!(id, peer.id());
    let error = connect_error(&mesh, peer.local_addr());
    let known = DialError::AlreadyConnected(id);
    assert!(matches!(error, ConnectError::Dial(reason) if reason == known), "{error}");

    assert!(matches!(mesh.connect("nowhere.invalid:1"), Err(ConnectError::Resolve(_))));
}

#[test]
fn a_peer_that_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mesh = builder()
        .configure(|config| config.limits.handshake_timeout = Duration::from_millis(50))
        .bind("127.0.0.1:0")
        .unwrap();
    let error = connect_error(&mesh, silent.local_addr().unwrap());
    assert!(matches!(error, ConnectError::Closed(CloseReason::HandshakeTimeout)), "{error}");
}

#[test]
fn a_stranger_that_sends_garbage_is_closed_and_the_mesh_goes_on() {
    use std::io::Write;
    let nodes = linked(2, &[(0, 1)]);
    let mut stranger = TcpStream::connect(nodes[0].local_addr()).unwrap();
    stranger.set_read_timeout(Some(PATIENCE)).unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\nHost: mesh\r\n\r\n").unwrap();
    // The node's handshake comes first, then the end, in good order or by a reset.
    let end = stranger.read_to_end(&mut Vec::new());
    assert!(end.is_ok() || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    nodes[1].send(&["still here"]).unwrap();
    assert!(nodes[0].recv_timeout(PATIENCE).unwrap().is_some());
}

#[test]
fn a_closed_socket_answers_every_call_at_once() {
    let nodes = linked(2, &[(0, 1)]);
    let clone = nodes[0].clone();
    assert!(nodes[0].close().is_clean());
    assert_eq!(clone.send(&["x"]).unwrap_err(), SendError::Closed);
    assert!(matches!(clone.connect(nodes[1].local_addr()), Err(ConnectError::SocketClosed)));
    assert_eq!(clone.recv(), Err(RecvError::Closed));
    assert!(clone.routing_table().is_empty());
    assert!(!clone.disconnect(&nodes[1].id()));
    assert_eq!(clone.wait_for_peers(1, PATIENCE), 0);
    assert!(clone.close().is_clean(), "closing twice is no error");
    assert!(TcpStream::connect(clone.local_addr()).is_err(), "nobody listens any more");
}

#[test]
fn close_lets_out_what_was_sent_before_it() {
    let nodes = linked(2, &[(0, 1)]);
    let payload = vec![7; 50_000];
    for _ in 0..20 {
        nodes[0].send(&[&payload]).unwrap();
    }
    assert!(nodes[0].close().is_clean());
    for _ in 0..20 {
        assert!(nodes[1].recv_timeout(PATIENCE).unwrap().is_some());
    }
}

#[test]
fn a_thread_that_waits_for_a_message_wakes_when_the_socket_is_closed() {
    let mesh = node();
    let waiting = mesh.clone();
    let thread = std::thread::spawn(move || waiting.recv());
    assert!(mesh.close().is_clean());
    assert_eq!(thread.join().unwrap(), Err(RecvError::Closed));
}

#[test]
fn dropping_the_last_handle_leaves_the_mesh() {
    let nodes = linked(2, &[(0, 1)]);
    let [first, second] = <[MeshSocket; 2]>::try_from(nodes).unwrap();
    drop(first.clone());
    assert_eq!(second.routing_table().len(), 1, "a clone is not the last handle");
    let addr = first.local_addr();
    drop(first);
    assert!(TcpStream::connect(addr).is_err());
    while !second.routing_table().is_empty() {
        assert_eq!(second.recv_timeout(Duration::from_millis(1)), Ok(None));
    }
}

#[test]
fn a_disconnected_peer_is_no_neighbor_any_more() {
    let nodes = linked(2, &[(0, 1)]);
    assert!(nodes[0].disconnect(&nodes[1].id()));
    assert!(nodes[0].routing_table().is_empty());
    assert_eq!(nodes[0].send(&["x"]).unwrap_err(), SendError::NoNeighbors);
    nodes[0].connect(nodes[1].local_addr()).unwrap();
    assert_eq!(nodes[0].routing_table().len(), 1);
}

#[test]
fn t18_a_thousand_questions_and_answers_wait_for_no_timer() {
    let nodes = linked(2, &[(0, 1)]);
    let answering = nodes[1].clone();
    let answerer = std::thread::spawn(move || {
        for message in answering.messages() {
            message.reply(&["answer"]).unwrap();
        }
    });
    let (asking, id) = (nodes[0].clone(), nodes[1].id());
    // Segments that wait for each other's acknowledgement wait for 40 ms: 1,000 times that.
    within(Duration::from_secs(20), move || {
        for _ in 0..1_000 {
            asking.whisper(&id, &["question"]).unwrap();
            assert!(asking.recv_timeout(PATIENCE).unwrap().is_some());
        }
    });
    nodes[1].close();
    answerer.join().unwrap();
}

#[test]
fn t43_a_function_that_holds_the_loop_up_is_told_of_and_counted() {
    let (_never, waits) = std::sync::mpsc::channel::<()>();
    let waits = std::sync::Mutex::new(waits);
    let slow = builder()
        .max_outgoing(0)
        .admission(move |_| {
            let _ = waits.lock().unwrap().recv_timeout(Duration::from_millis(1_100));
            rs2p::Admission::Allow
        })
        .bind("127.0.0.1:0")
        .unwrap();
    let other = node();
    other.connect(slow.local_addr()).unwrap();
    let events = std::iter::from_fn(|| slow.next_event(PATIENCE).unwrap());
    let took = events.into_iter().find_map(|event| match event {
        rs2p::Event::LoopHeldUp { took } => Some(took),
        _ => None,
    });
    assert!(took.is_some_and(|took| took > Duration::from_secs(1)), "{took:?}");
    other.send(&["and on it goes"]).unwrap();
    assert!(slow.recv_timeout(PATIENCE).unwrap().is_some());
    assert!(slow.stats().held_up >= 1);
    assert_eq!(other.stats().held_up, 0);
}

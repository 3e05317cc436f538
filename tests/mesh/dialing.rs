//! Who is connected with whom, and how that comes and goes.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use rs2p::{CloseReason, ConnectError, DialError, Event, SendError};

use super::raw::Raw;
use super::{PATIENCE, builder, linked, node, until, within};

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

#[test]
fn sixty_five_dials_in_one_turn_are_all_made() {
    let listeners: Vec<_> = (0..65).map(|_| listener()).collect();
    let mesh = node();
    let dials: Vec<_> = listeners
        .iter()
        .map(|listener| mesh.start_connect(listener.local_addr().unwrap()))
        .collect();
    let accepted: Vec<_> = listeners.iter().map(Raw::accept).collect();
    for (dial, raw) in dials.into_iter().zip(&accepted) {
        assert_eq!(within(PATIENCE, || dial.wait()).unwrap(), raw.id);
    }
    assert_eq!(mesh.outgoing().len(), 65);
}

#[test]
fn sixty_five_connections_that_come_in_one_turn_are_all_taken() {
    let mesh =
        builder().configure(|config| config.limits.max_pending = 65).bind("127.0.0.1:0").unwrap();
    let streams: Vec<_> = (0..65).map(|_| TcpStream::connect(mesh.local_addr()).unwrap()).collect();
    until(&mesh, |mesh| mesh.awaiting().len() == 65);
    for stream in &streams {
        assert!(mesh.awaiting().contains(&stream.local_addr().unwrap()));
    }
    assert_eq!(mesh.stats().rejected.total(), 0);
}

#[test]
fn both_ends_agree_on_who_dialled_and_on_who_is_awaited() {
    let nodes = linked(3, &[(0, 1), (1, 2)]);
    let id = |index: usize| nodes[index].id();
    assert_eq!((nodes[0].outgoing(), nodes[0].incoming()), (vec![id(1)], vec![]));
    assert_eq!((nodes[1].outgoing(), nodes[1].incoming()), (vec![id(2)], vec![id(0)]));
    assert_eq!((nodes[2].outgoing(), nodes[2].incoming()), (vec![], vec![id(1)]));
    let silent = listener();
    let dial = nodes[0].start_connect(silent.local_addr().unwrap());
    assert_eq!(nodes[0].awaiting(), [silent.local_addr().unwrap()]);
    assert!(dial.wait_timeout(Duration::ZERO).is_none());
    drop(nodes);
}

#[test]
fn a_second_connect_to_an_address_that_is_being_dialled_joins_the_wait() {
    let (mesh, listener) = (node(), listener());
    let addr = listener.local_addr().unwrap();
    let [first, second] = [(); 2].map(|()| mesh.start_connect(addr));
    assert_eq!(mesh.awaiting(), [addr]);
    let raw = Raw::accept(&listener);
    assert_eq!(first.wait_timeout(PATIENCE).unwrap().unwrap(), raw.id);
    let told = first.wait_timeout(Duration::ZERO);
    assert!(matches!(told, Some(Err(ConnectError::SocketClosed))), "told once");
    assert_eq!(second.wait_timeout(PATIENCE).unwrap().unwrap(), raw.id);
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "there was one connection only");
}

#[test]
fn connecting_back_to_a_neighbor_says_who_it_is() {
    for _ in 0..20 {
        let [one, other] = [node(), node()];
        assert_eq!(one.connect(other.local_addr()).unwrap(), other.id());
        let error = other.connect(one.local_addr()).unwrap_err();
        let known = DialError::AlreadyConnected(one.id());
        assert!(matches!(error, ConnectError::Dial(reason) if reason == known), "{error}");
        assert_eq!((other.routing_table().len(), one.routing_table().len()), (1, 1));
    }
}

#[test]
fn a_socket_at_every_address_tells_one_that_can_be_dialled() {
    let mesh = builder().max_outgoing(0).bind("0.0.0.0:0").unwrap();
    let told = mesh.out_addr().socket_addr().unwrap();
    assert!(!told.ip().is_unspecified());
    assert_eq!(told.port(), mesh.local_addr().port());
    let other = node();
    assert_eq!(other.connect(told).unwrap(), mesh.id());
}

#[test]
fn a_seed_that_was_gone_is_rejoined_at_its_address() {
    let mesh = node();
    let seed = node();
    let addr = seed.local_addr();
    mesh.add_seed(addr).unwrap();
    assert_eq!(mesh.wait_for_peers(1, PATIENCE), 1);
    drop(seed);
    until(&mesh, |mesh| mesh.routing_table().is_empty());
    let again = builder().max_outgoing(0).bind(addr).unwrap();
    assert_eq!(mesh.wait_for_peers(1, PATIENCE), 1);
    assert_eq!(mesh.outgoing(), [again.id()]);
}

#[test]
fn neighbors_are_waited_for_anew_after_a_loss() {
    let nodes = linked(2, &[(0, 1)]);
    assert!(nodes[1].close().is_clean());
    until(&nodes[0], |mesh| mesh.wait_for_peers(1, Duration::ZERO) == 0);
    let waiting = nodes[0].clone();
    let thread = thread::spawn(move || waiting.wait_for_peers(1, PATIENCE));
    let other = node();
    other.connect(nodes[0].local_addr()).unwrap();
    assert_eq!(thread.join().unwrap(), 1);
}

#[test]
fn a_peer_at_fault_stands_in_the_status_until_it_is_cleared() {
    let mesh = node();
    assert!(mesh.status().is_nominal());
    assert_eq!(mesh.status().to_string(), "Nominal");
    let mut stranger = TcpStream::connect(mesh.local_addr()).unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    until(&mesh, |mesh| !mesh.status().is_nominal());
    let status = mesh.status();
    let [trouble] = status.troubles() else { panic!("{status}") };
    assert_eq!((trouble.addr, trouble.id), (stranger.local_addr().unwrap(), None));
    assert!(matches!(trouble.reason, CloseReason::Malformed(_)));
    assert_eq!(status.to_string(), trouble.to_string());
    assert!(status.is_running());
    mesh.clear_status();
    assert!(mesh.status().is_nominal());
    mesh.close();
    assert_eq!((mesh.status().to_string(), mesh.status().is_running()), ("Closed".into(), false));
}

#[test]
fn a_reply_finds_its_way_to_a_node_three_hops_away_and_makes_it_a_neighbor() {
    let nodes = linked(4, &[(0, 1), (1, 2), (2, 3)]);
    nodes[0].send(&["who is there?"]).unwrap();
    let message = nodes[3].recv_timeout(PATIENCE).unwrap().unwrap();
    assert_eq!((message.sender(), message.neighbor()), (nodes[0].id(), nodes[2].id()));
    message.reply(&["me"]).unwrap();
    let reply = nodes[0].recv_timeout(PATIENCE).unwrap().unwrap();
    assert!(reply.is_whisper());
    assert!(reply.contents().eq([b"me"]));
    assert_eq!((reply.sender(), reply.neighbor()), (nodes[3].id(), nodes[3].id()));
    assert_eq!(nodes[0].incoming(), [nodes[3].id()]);
    assert_eq!(nodes[3].outgoing(), [nodes[0].id()]);
}

#[test]
fn a_distant_node_is_located_without_becoming_a_neighbor() {
    let nodes = linked(4, &[(0, 1), (1, 2), (2, 3)]);
    for (from, to) in [(0, 3), (3, 0), (0, 1)] {
        let found = nodes[from].locate(&nodes[to].id()).unwrap();
        assert_eq!(found, *nodes[to].out_addr());
    }
    assert_eq!(nodes[0].routing_table().len(), 1);
    nodes[3].whisper(&nodes[0].id(), &["hello"]).unwrap();
    assert!(nodes[0].recv_timeout(PATIENCE).unwrap().unwrap().is_whisper());
}

#[test]
fn a_question_is_named_at_once_and_its_outcome_is_an_event() {
    let line = linked(3, &[(0, 1), (1, 2)]);
    let wanted = line[2].id();
    let asked = line[0].tools().start_locate(&wanted).unwrap();
    let outcome = line[0].events().find_map(|event| match event {
        Event::LocateDone { request_id, outcome } if request_id == asked => Some(outcome),
        _ => None,
    });
    assert_eq!(outcome, Some(Ok(line[2].out_addr().clone())));
    let asked = line[0].tools().start_locate(&"nobody".parse().unwrap()).unwrap();
    assert_eq!(line[0].tools().pending_requests(), [asked]);
    assert_ne!(line[0].tools().request_peers(), line[0].tools().request_peers());
    line[0].close();
    assert_eq!(line[0].tools().start_locate(&wanted), Err(SendError::Closed));
    assert_eq!(line[0].tools().request_peers(), Err(SendError::Closed));
}

#[test]
fn t29_a_node_that_is_led_to_itself_by_any_name_stays_alone() {
    let mesh = builder().bind("0.0.0.0:0").unwrap();
    let port = mesh.local_addr().port();
    let lan = mesh.out_addr().host.clone();
    for host in ["127.0.0.1", "127.0.0.2", "localhost", &lan] {
        let addrs = (host, port).to_socket_addrs().unwrap();
        let addr = addrs.into_iter().find(SocketAddr::is_ipv4).unwrap();
        let error = mesh.connect(addr).unwrap_err();
        let is_itself = matches!(
            error,
            ConnectError::Dial(DialError::SelfConnection)
                | ConnectError::Closed(CloseReason::SelfConnection)
        );
        assert!(is_itself, "{host}: {error}");
    }
    assert!(mesh.routing_table().is_empty() && mesh.status().is_nominal());
    assert!(mesh.address_book().entries().is_empty());
}

#[test]
fn a_node_that_is_started_with_a_kept_book_finds_the_mesh_without_a_seed() {
    let old = builder().bind("127.0.0.1:0").unwrap();
    let others = [(); 2].map(|()| builder().bind("127.0.0.1:0").unwrap());
    for other in &others {
        old.connect(other.local_addr()).unwrap();
    }
    let book = old.address_book();
    assert_eq!(book.entries().len(), 2);
    old.close();
    assert!(old.address_book().entries().is_empty());
    let new = builder().address_book(book).bind("127.0.0.1:0").unwrap();
    assert_eq!(new.wait_for_peers(2, PATIENCE), 2);
    let shy = builder().max_outgoing(0).address_book(new.address_book()).bind("127.0.0.1:0");
    assert_eq!(shy.unwrap().wait_for_peers(1, Duration::ZERO), 0);
}

#[test]
fn t13_an_honest_node_joins_among_a_thousand_silent_connections_from_its_own_address() {
    let mesh = builder().bind("127.0.0.1:0").unwrap();
    let addr = mesh.local_addr();
    let silent: Vec<_> = (0..1_000).map(|_| TcpStream::connect(addr).unwrap()).collect();
    until(&mesh, |mesh| mesh.awaiting().len() == 32);
    let honest = node();
    // The places of those that say nothing are kept for a second.
    until(&honest, |honest| honest.connect(addr).is_ok());
    assert_eq!(mesh.routing_table().len(), 1);
    drop(silent);
}

//! Two nodes under TLS with somebody in the middle of the TCP connection between them, and a third
//! node. The pure room tries every byte and every record; here are samples on real sockets.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use rs2p::session::SessionError;
use rs2p::{CloseReason, ConnectError, Encryption, MeshSocket};

use super::{PATIENCE, until};

/// What is done at one place of one of the two streams; 0 is that of the end that dialled.
#[derive(Clone, Copy, Debug)]
enum Meddling {
    Nothing,
    Flip {
        side: usize,
        at: usize,
    },
    Cut {
        side: usize,
        at: usize,
    },
    /// The end that dialled hears itself.
    Mirror,
    /// The end that dialled hears this, and nothing else.
    Say(&'static [u8]),
}

use Meddling::{Cut, Flip, Mirror, Nothing, Say};

fn node() -> MeshSocket {
    MeshSocket::builder().encryption(Encryption::Tls).max_outgoing(0).bind("127.0.0.1:0").unwrap()
}

/// Takes one connection and passes it on, until either end is done.
fn proxy(target: SocketAddr, meddling: Meddling) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        let near = listener.accept().unwrap().0;
        let far = TcpStream::connect(target).unwrap();
        if let Say(words) = meddling {
            (&near).write_all(words).unwrap();
        }
        let ends = [[&near, &far], [&far, &near]];
        thread::scope(|scope| {
            for (side, [from, to]) in ends.into_iter().enumerate() {
                let to = if matches!(meddling, Mirror | Say(_)) { from } else { to };
                scope.spawn(move || pump(side, from, to, meddling));
            }
        });
    });
    addr
}

fn pump(side: usize, mut from: &TcpStream, mut to: &TcpStream, meddling: Meddling) {
    let (mut buffer, mut start) = ([0; 4_096], 0);
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        let data = &mut buffer[..len];
        let place = |at: usize| at.checked_sub(start).filter(|at| *at < len);
        let (kept, is_over) = match meddling {
            Flip { side: its, at } if its == side => {
                if let Some(at) = place(at) {
                    data[at] ^= 0x10;
                }
                (len, false)
            }
            Cut { side: its, at } if its == side && at < start + len => {
                (at.saturating_sub(start), true)
            }
            Say(_) => (0, false),
            _ => (len, false),
        };
        if to.write_all(&data[..kept]).is_err() || is_over {
            break;
        }
        start += len;
    }
    // Whoever waits at either end is told.
    for end in [from, to] {
        let _ = end.shutdown(Shutdown::Both);
    }
}

/// Everybody says something, and the others get it, once each.
fn talk(nodes: &[MeshSocket; 3], word: &str) {
    for (index, node) in nodes.iter().enumerate() {
        node.send(&[format!("{word} {index}")]).unwrap();
    }
    for (index, node) in nodes.iter().enumerate() {
        let mut got: Vec<_> = (0..2)
            .map(|_| {
                let message = node.recv_timeout(PATIENCE).unwrap().expect("a message is missing");
                let text = String::from_utf8(message.contents().next().unwrap().to_vec());
                (message.sender(), text.unwrap())
            })
            .collect();
        let mut expected: Vec<_> = (0..3)
            .filter(|from| *from != index)
            .map(|from| (nodes[from].id(), format!("{word} {from}")))
            .collect();
        got.sort();
        expected.sort();
        assert_eq!(got, expected, "{word}, at {index}");
    }
}

#[test]
fn whatever_is_done_in_the_middle_the_mesh_goes_on_and_nothing_wrong_arrives() {
    let nodes = [node(), node(), node()];
    let [dialer, other, third] = &nodes;
    third.connect(dialer.local_addr()).unwrap();
    third.connect(other.local_addr()).unwrap();
    talk(&nodes, "before");
    let places = [0, 5, 9, 40, 130, 200, 260, 300, 420, 600, 860];
    let cases = places.iter().flat_map(|&at| {
        [0, 1].into_iter().flat_map(move |side| [Flip { side, at }, Cut { side, at }])
    });
    let others = [Mirror, Say(b"Requesting key size"), Say(&[0, 0, 1, 0x54]), Nothing];
    for meddling in cases.chain(others) {
        let outcome = dialer.connect(proxy(other.local_addr(), meddling));
        let holds = match (meddling, &outcome) {
            (Nothing, Ok(id)) => *id == other.id(),
            // A change that comes only after the handshakes ends the link later.
            (Flip { at: 600.., .. } | Cut { at: 600.., .. }, Ok(id)) => *id == other.id(),
            (Mirror, Err(ConnectError::Closed(reason))) => {
                matches!(reason, CloseReason::Encryption(_))
            }
            (Say(_), Err(ConnectError::Closed(reason))) => {
                matches!(reason, CloseReason::OtherEncryption(_))
            }
            (Cut { .. }, Err(ConnectError::Closed(reason))) => matches!(
                reason,
                CloseReason::Encryption(SessionError::CutOff) | CloseReason::Network(_)
            ),
            // A record that announces too much is waited for, as long as a handshake may take.
            (Flip { .. }, Err(ConnectError::Closed(reason))) => matches!(
                reason,
                CloseReason::Encryption(_)
                    | CloseReason::WrongProtocol
                    | CloseReason::HandshakeTimeout
                    | CloseReason::Network(_)
            ),
            _ => false,
        };
        assert!(holds, "{meddling:?}: {outcome:?}");
        talk(&nodes, &format!("{meddling:?}"));
        dialer.disconnect(&other.id());
        other.disconnect(&dialer.id());
        for node in [dialer, other] {
            until(node, |node| node.routing_table().len() == 1);
        }
    }
    for node in &nodes {
        assert_eq!(node.try_recv(), Ok(None));
        assert!(node.close().is_clean());
    }
}

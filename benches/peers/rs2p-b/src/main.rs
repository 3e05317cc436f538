//! rs2p. Each node has its event loop; a thread of the user takes what is delivered and answers.
//! Variants:
//!   (none)  plaintext between nodes of this crate
//!   py2p    plaintext on the 0.2 protocol alone, as towards py2p nodes
//!   tls     TLS: neighbors prove their keys, and messages are not signed
//!   signed  TLS, and each message signed: what `MeshSocket::builder()` gives

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use peerbench::{Cfg, Node, Sink};
use rs2p::{Encryption, InboxFull, MeshSocket, Signatures};

/// How many messages the user's thread takes at once.
const MANY: usize = 1_024;

struct Rs2p {
    socket: MeshSocket,
}

impl Node for Rs2p {
    const NAME: &'static str = "rs2p";

    fn version() -> String {
        format!("rs2p {}", env!("CARGO_PKG_VERSION"))
    }

    fn start(cfg: &Cfg, _idx: usize, dial: &[String], sink: Arc<Sink>) -> Self {
        let encryption = match cfg.variant.as_str() {
            "tls" | "signed" => Encryption::Tls,
            _ => Encryption::Plaintext,
        };
        let socket = MeshSocket::builder()
            .encryption(encryption)
            .max_outgoing(0)
            .inbox_full(InboxFull::Pause)
            .configure(|config| {
                config.extension = cfg.variant != "py2p";
                if cfg.variant == "tls" {
                    config.signatures = Signatures::Never;
                }
            })
            .bind("127.0.0.1:0")
            .expect("a node");
        for addr in dial {
            let addr: SocketAddr = addr.parse().expect("an address of another node");
            drop(socket.start_connect(addr));
        }
        let receiver = socket.clone();
        thread::spawn(move || {
            while let Ok(messages) = receiver.recv_many(MANY) {
                for message in messages {
                    let reply = message.contents().next().and_then(|it| sink.deliver(it));
                    if let Some(reply) = reply {
                        let _ = receiver.publish(&[reply]);
                    }
                }
            }
        });
        Self { socket }
    }

    fn addr(&self) -> String {
        self.socket.local_addr().to_string()
    }

    fn peers(&self) -> usize {
        self.socket.wait_for_peers(0, Duration::ZERO)
    }

    /// What was counted that may mean a loss.
    fn extra(&self) -> String {
        let is_loss = |name: &str| {
            ["dropped.", "refused.", "undecodable.", "lagged", "unpublished", "closed."]
                .iter()
                .any(|kind| name.starts_with(kind))
        };
        let counts = self.socket.stats().counts();
        let losses = counts.iter().filter(|(name, count)| is_loss(name) && *count > 0);
        losses.map(|(name, count)| format!("{name}={count}")).collect::<Vec<_>>().join(" ")
    }

    fn publish(&self, payload: &[u8]) -> bool {
        self.socket.publish(&[payload]).is_ok()
    }
}

fn main() {
    peerbench::run::<Rs2p>();
}

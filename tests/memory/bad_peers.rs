//! Bad connections to a node under RSA take nothing that they do not give back.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it must be"
)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rs2p::ConnId;
use rs2p::node::{Config, Input, Node, Output};
use rs2p::rsa::{KeySize, PrivateKey, SeededRng, newkeys_with};
use rs2p::time::{Instant, UnixTime};
use rs2p::wire::Protocol;

use super::{ALLOCATOR, KIB, turn};

struct Victim {
    node: Node,
    now: Instant,
    key: PrivateKey,
    closed: usize,
}

impl Victim {
    fn carry_out(&mut self) {
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::MakeRsaKey => self.node.supply_rsa_key(self.now, self.key.clone()),
                Output::Transmit { conn, data } => {
                    self.input(Input::Sent { conn, len: data.len() });
                }
                Output::Close { .. } => self.closed += 1,
                _ => {}
            }
        }
    }

    fn input(&mut self, input: Input<'_>) {
        self.node.handle_input(self.now, input);
    }

    fn accept(&mut self) -> ConnId {
        let addr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50_000);
        let conn = self.node.accept(self.now, addr).unwrap();
        self.carry_out();
        conn
    }

    /// Somebody dials, says this, and is closed.
    fn serve(&mut self, data: &[u8]) {
        let conn = self.accept();
        self.input(Input::Received { conn, data });
        self.carry_out();
        self.now = self.now + Duration::from_secs(6);
        self.input(Input::Timeout);
        self.carry_out();
    }
}

#[test]
fn a_thousand_bad_connections_leave_no_memory_in_use() {
    let _turn = turn();
    let config = Config::new(Protocol::new("mesh", "PKCS1_v1.5"));
    let mut rng = SeededRng::from_seed([1; 32]);
    let key = newkeys_with(KeySize::DEFAULT, &mut rng).unwrap().1;
    let text = format!("{:<1024}", key.public().to_string());
    let exchange = format!("Requesting key sizeRequesting key1024            {text}");
    let now = Instant::ZERO;
    let node = Node::new(config, [1; 32], now, UnixTime::from_secs(1_466_965_490)).unwrap();
    let mut victim = Victim { node, now, key, closed: 0 };
    victim.carry_out();
    let bad = [
        Vec::new(),
        b"Requesting key".to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"Requesting key sizeRequesting key1000000000000000".to_vec(),
        vec![0xff; 200_000],
        [exchange.as_bytes(), &[0; 128]].concat(),
        [exchange.as_bytes(), &[7; 100_000]].concat(),
    ];
    let mut in_use = Vec::new();
    for _ in 0..11 {
        (0..100).for_each(|round| victim.serve(&bad[round % bad.len()]));
        in_use.push(ALLOCATOR.allocated());
    }
    assert_eq!(victim.closed, 1_100);
    assert_eq!(victim.node.usage().connections + victim.node.usage().timers, 0);
    // What the first hundred left is room in queues and in the list of troubles.
    let more = in_use[10].saturating_sub(in_use[0]);
    assert!(more < 4 * KIB, "{in_use:?}");
}

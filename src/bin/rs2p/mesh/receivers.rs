//! One thread per node that receives, and tells what came and when.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rs2p::{MeshSocket, Message, NodeId, RecvError};

use super::error::MeshError;
use super::nodes::Nodes;
use crate::clock;

/// How long the threads may take to end once the nodes are closed.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// The threads do next to nothing.
const STACK_LEN: usize = 128 * 1024;

/// What a node's application saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Receipt {
    Message {
        node: usize,
        sender: NodeId,
        number: u64,
        at: Instant,
    },
    /// A message that this run did not send, or one whose contents were changed.
    Stray,
    /// So many messages were discarded because the inbox was full.
    Lagged {
        count: u64,
    },
}

/// The contents of all messages of a run: the message's number, and the same bytes in each.
#[derive(Clone, Debug)]
pub(super) struct Body {
    bytes: Arc<[u8]>,
}

impl Body {
    /// Bytes by chance, so that compression does not flatter the figures.
    pub(super) fn new(len: usize, seed: u64) -> Self {
        let mut bytes = vec![0; len];
        StdRng::seed_from_u64(seed).fill_bytes(&mut bytes);
        Self { bytes: bytes.into() }
    }

    pub(super) fn packets(&self, number: u64) -> [Vec<u8>; 2] {
        [number.to_be_bytes().to_vec(), self.bytes.to_vec()]
    }

    /// The number of a message, if it is one of this run and unchanged.
    fn number(&self, message: &Message) -> Option<u64> {
        let mut contents = message.contents();
        let number = contents.next()?.try_into().ok()?;
        let is_whole = contents.next()? == &*self.bytes && contents.next().is_none();
        is_whole.then(|| u64::from_be_bytes(number))
    }
}

#[derive(Debug)]
pub(super) struct Receivers {
    receipts: Receiver<Receipt>,
}

impl Receivers {
    pub(super) fn start(nodes: &Nodes, body: &Body) -> Result<Self, MeshError> {
        let (sender, receipts) = mpsc::channel();
        for (node, socket) in nodes.sockets().iter().enumerate() {
            let (socket, body, sender) = (socket.clone(), body.clone(), sender.clone());
            thread::Builder::new()
                .name(format!("receiver-{node}"))
                .stack_size(STACK_LEN)
                .spawn(move || receive(node, &socket, &body, &sender))
                .map_err(MeshError::Thread)?;
        }
        Ok(Self { receipts })
    }

    /// Waits for the next receipt, at most so long.
    pub(super) fn next(&self, timeout: Duration) -> Option<Receipt> {
        self.receipts.recv_timeout(timeout).ok()
    }

    /// Hands out what is left once the nodes are closed.
    pub(super) fn finish(self, mut record: impl FnMut(Receipt)) {
        while let Some(receipt) = self.next(FINISH_TIMEOUT) {
            record(receipt);
        }
    }
}

/// Receives until the node is closed.
fn receive(node: usize, socket: &MeshSocket, body: &Body, sender: &Sender<Receipt>) {
    loop {
        let receipt = match socket.recv() {
            Ok(message) => {
                let at = clock::now();
                body.number(&message).map_or(Receipt::Stray, |number| Receipt::Message {
                    node,
                    sender: message.sender(),
                    number,
                    at,
                })
            }
            Err(RecvError::Lagged(count)) => Receipt::Lagged { count },
            Err(_) => return,
        };
        if sender.send(receipt).is_err() {
            return;
        }
    }
}

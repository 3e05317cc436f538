//! A node of which everything is written down, where somebody asked for that.
//!
//! Commands of the users' threads run any code on the loop. This type lets them look at the node as
//! they like, and change it by the methods here alone: so there is no call that is not in the
//! record.

use std::net::SocketAddr;
use std::ops::Deref;

use bytes::Bytes;

use super::tape::{Noted, Tape};
use crate::conn_id::ConnId;
use crate::error::{DialError, Refusal, RuleError, SendError};
use crate::event::SendReport;
use crate::node::{AddressBook, Input, Node, Output, Refused, Rule, RuleKind, Subject, Whispered};
use crate::record::Call;
#[cfg(feature = "rsa")]
use crate::rsa::PrivateKey;
use crate::time::Instant;
use crate::wire::{Compressions, NodeId, RequestId};

/// A node, and where it is recorded. The methods are the node's.
#[derive(Debug)]
pub(crate) struct Tapped {
    node: Node,
    tape: Option<Tape>,
    /// When the node was last told something.
    now: Instant,
}

/// To look at.
impl Deref for Tapped {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl Tapped {
    pub(super) fn new(node: Node, tape: Option<Tape>, now: Instant) -> Self {
        Self { node, tape, now }
    }

    fn note(&mut self, now: Instant, call: impl FnOnce() -> Call) {
        self.now = now;
        if let Some(tape) = &mut self.tape {
            tape.note(now, Noted::Call(call()));
        }
    }

    pub(crate) fn handle_input(&mut self, now: Instant, input: Input<'_>) {
        self.now = now;
        if let Some(tape) = &mut self.tape {
            tape.note(now, Noted::Input(input.into()));
        }
        self.node.handle_input(now, input);
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        let output = self.node.poll_output()?;
        if let Some(tape) = &mut self.tape {
            tape.note(self.now, Noted::Output(output.clone()));
        }
        Some(output)
    }

    pub(crate) fn accept(&mut self, now: Instant, addr: SocketAddr) -> Result<ConnId, Refused> {
        self.note(now, || Call::Accept { addr });
        self.node.accept(now, addr)
    }

    pub(crate) fn dial(&mut self, now: Instant, addr: SocketAddr) -> Result<ConnId, DialError> {
        self.note(now, || Call::Dial { addr });
        self.node.dial(now, addr)
    }

    pub(crate) fn dial_peer(
        &mut self,
        now: Instant,
        addr: SocketAddr,
        id: NodeId,
    ) -> Result<ConnId, DialError> {
        self.note(now, || Call::DialPeer { addr, id });
        self.node.dial_peer(now, addr, id)
    }

    pub(crate) fn add_seed(&mut self, now: Instant, addr: SocketAddr) {
        self.note(now, || Call::AddSeed { addr });
        self.node.add_seed(now, addr);
    }

    pub(crate) fn add_seed_peer(&mut self, now: Instant, addr: SocketAddr, id: NodeId) {
        self.note(now, || Call::AddSeedPeer { addr, id });
        self.node.add_seed_peer(now, addr, id);
    }

    pub(crate) fn remove_seed(&mut self, addr: SocketAddr) -> bool {
        self.note(self.now, || Call::RemoveSeed { addr });
        self.node.remove_seed(addr)
    }

    pub(crate) fn take_address_book(&mut self, now: Instant, book: &AddressBook) {
        self.note(now, || Call::TakeAddressBook { text: book.to_string() });
        self.node.take_address_book(now, book);
    }

    pub(crate) fn broadcast(
        &mut self,
        now: Instant,
        packets: &[Vec<u8>],
    ) -> Result<SendReport, SendError> {
        self.broadcast_as(now, crate::wire::Flag::Broadcast.as_bytes(), packets)
    }

    pub(crate) fn broadcast_as(
        &mut self,
        now: Instant,
        sub_flag: &[u8],
        packets: &[Vec<u8>],
    ) -> Result<SendReport, SendError> {
        self.note(now, || Call::Broadcast {
            sub_flag: sub_flag.to_vec(),
            packets: packets.to_vec(),
        });
        self.node.broadcast_as(now, sub_flag, packets)
    }

    pub(crate) fn broadcast_batch(
        &mut self,
        now: Instant,
        messages: &[Vec<Vec<u8>>],
    ) -> Result<Vec<Result<SendReport, SendError>>, SendError> {
        let sub_flag = crate::wire::Flag::Broadcast.as_bytes().to_vec();
        self.note(now, || {
            let payload = |packets: &Vec<_>| [&[sub_flag.clone()][..], packets].concat();
            Call::Batch { messages: messages.iter().map(payload).collect() }
        });
        self.node.broadcast_batch(now, messages)
    }

    pub(crate) fn broadcast_payloads(
        &mut self,
        now: Instant,
        payloads: &[Vec<&[u8]>],
    ) -> Result<Vec<Result<SendReport, SendError>>, SendError> {
        self.note(now, || {
            let owned = |payload: &Vec<&[u8]>| payload.iter().map(|it| it.to_vec()).collect();
            Call::Batch { messages: payloads.iter().map(owned).collect() }
        });
        self.node.broadcast_payloads(now, payloads)
    }

    pub(crate) fn whisper_as(
        &mut self,
        now: Instant,
        id: &NodeId,
        sub_flag: &[u8],
        packets: &[Vec<u8>],
    ) -> Result<Whispered, SendError> {
        self.note(now, || Call::Whisper {
            id: *id,
            sub_flag: sub_flag.to_vec(),
            packets: packets.to_vec(),
        });
        self.node.whisper_as(now, id, sub_flag, packets)
    }

    pub(crate) fn locate(&mut self, now: Instant, id: &NodeId) -> Result<RequestId, SendError> {
        self.note(now, || Call::Locate { id: *id });
        self.node.locate(now, id)
    }

    pub(crate) fn request_peers(&mut self, now: Instant) -> RequestId {
        self.note(now, || Call::RequestPeers);
        self.node.request_peers(now)
    }

    pub(crate) fn disconnect(&mut self, now: Instant, id: &NodeId) -> bool {
        self.note(now, || Call::Disconnect { id: *id });
        self.node.disconnect(now, id)
    }

    pub(crate) fn close(&mut self, now: Instant) {
        self.note(now, || Call::Close);
        self.node.close(now);
    }

    pub(crate) fn abort(&mut self, now: Instant) {
        self.note(now, || Call::Abort);
        self.node.abort(now);
    }

    pub(crate) fn add_rule(&mut self, now: Instant, rule: Rule) -> Result<(), RuleError> {
        self.note(now, || Call::AddRule(rule));
        self.node.add_rule(now, rule)
    }

    pub(crate) fn remove_rule(&mut self, now: Instant, kind: RuleKind, subject: &Subject) -> bool {
        self.note(now, || Call::RemoveRule { kind, subject: *subject });
        self.node.remove_rule(now, kind, subject)
    }

    pub(crate) fn clear_rules(&mut self, kind: RuleKind) {
        self.note(self.now, || Call::ClearRules { kind });
        self.node.clear_rules(kind);
    }

    pub(crate) fn send_raw(
        &mut self,
        now: Instant,
        id: &NodeId,
        main: &[u8],
        payload: &[Vec<u8>],
    ) -> Result<(), Refusal> {
        self.note(now, || Call::SendRaw {
            id: *id,
            main: main.to_vec(),
            payload: payload.to_vec(),
        });
        self.node.send_raw(now, id, main, payload)
    }

    pub(crate) fn send_bytes(
        &mut self,
        now: Instant,
        id: &NodeId,
        data: Bytes,
    ) -> Result<(), Refusal> {
        self.note(now, || Call::SendBytes { id: *id, data: data.to_vec() });
        self.node.send_bytes(now, id, data)
    }

    pub(crate) fn renegotiate(
        &mut self,
        now: Instant,
        id: &NodeId,
        methods: Compressions,
    ) -> Result<(), Refusal> {
        self.note(now, || Call::Renegotiate { id: *id, methods });
        self.node.renegotiate(now, id, methods)
    }

    pub(crate) fn set_compressions(
        &mut self,
        id: &NodeId,
        methods: Compressions,
    ) -> Result<(), Refusal> {
        self.note(self.now, || Call::SetCompressions { id: *id, methods });
        self.node.set_compressions(id, methods)
    }

    pub(crate) fn ask_resend(&mut self, now: Instant, id: &NodeId) -> Result<(), Refusal> {
        self.note(now, || Call::AskResend { id: *id });
        self.node.ask_resend(now, id)
    }

    pub(super) fn hold_deliveries(&mut self, now: Instant) {
        self.note(now, || Call::HoldDeliveries);
        self.node.hold_deliveries(now);
    }

    pub(super) fn release_deliveries(&mut self, now: Instant) {
        self.note(now, || Call::ReleaseDeliveries);
        self.node.release_deliveries(now);
    }

    pub(crate) fn clear_troubles(&mut self) {
        self.note(self.now, || Call::ClearTroubles);
        self.node.clear_troubles();
    }

    #[cfg(feature = "rsa")]
    pub(crate) fn supply_rsa_key(&mut self, now: Instant, key: PrivateKey) {
        self.note(now, || Call::SupplyRsaKey);
        self.node.supply_rsa_key(now, key);
    }
}

//! Doing what a command says.

use std::io;
use std::sync::Arc;

use rs2p::{CloseReason, ConnectError, DialError, MeshSocket, NodeId, RequestId, SendError};
use serde_json::{Map, Value, json};

use super::command::{Command, Wanted};
use super::inbox::Inbox;
use super::refused::Refused;
use super::shown;
use crate::clock;

/// The fields of an answer, besides those that all have.
type Answer = Result<Map<String, Value>, Refused>;

/// The node, and what has come to it.
#[derive(Debug)]
pub(super) struct Executor {
    socket: MeshSocket,
    inbox: Arc<Inbox>,
}

impl Executor {
    pub(super) fn new(socket: MeshSocket, inbox: Arc<Inbox>) -> Self {
        Self { socket, inbox }
    }

    pub(super) fn socket(&self) -> &MeshSocket {
        &self.socket
    }

    pub(super) fn execute(&self, command: Command) -> Answer {
        let tools = self.socket.tools();
        match command {
            Command::Connect { host, port, id } => return self.connect(&host, port, id),
            Command::Send { packets, sub_flag } => return self.send(sub_flag.as_deref(), &packets),
            Command::Whisper { to, packets, sub_flag } => {
                // To a stranger it would be looked for, which takes its time.
                self.check_neighbor(&to)?;
                match sub_flag {
                    Some(flag) => self.socket.whisper_as(&to, flag, &packets)?,
                    None => self.socket.whisper(&to, &packets)?,
                }
            }
            Command::Raw { to, main, packets } => tools.send_raw(&to, main, &packets)?,
            Command::Bytes { to, data } => tools.send_bytes(&to, &data)?,
            Command::Recv { timeout, max } => {
                let received = self.inbox.recv(timeout, max);
                return fields(json!({
                    "messages": received.iter().map(shown::message).collect::<Vec<_>>(),
                }));
            }
            Command::Reply { number, packets } => {
                let found = self.inbox.with(|kept| kept.find(number).cloned());
                found.ok_or_else(|| Refused::no_message(number))?.message.reply(&packets)?;
            }
            Command::Request { wanted, name } => return self.request(wanted, name),
            Command::Renegotiate { to, methods } => tools.renegotiate(&to, methods)?,
            Command::SetCompressions { to, methods } => tools.set_compressions(&to, methods)?,
            Command::Resend { to } => tools.ask_resend(&to)?,
            Command::Disconnect { to } => {
                if !self.socket.disconnect(&to) {
                    return Err(Refused::no_neighbor());
                }
            }
            Command::ClearStatus => self.socket.clear_status(),
            Command::Quit => {}
            Command::Peers
            | Command::Pending
            | Command::Waterfalls
            | Command::Status
            | Command::Stats
            | Command::Explain { .. }
            | Command::Record { .. }
            | Command::Id
            | Command::Ping => return fields(self.look(&command)),
        }
        Ok(Map::new())
    }

    /// What a command shows that changes nothing.
    fn look(&self, command: &Command) -> Value {
        let tools = self.socket.tools();
        match command {
            Command::Peers => self.peers(),
            Command::Pending => {
                let pending = tools.pending_requests();
                json!({"pending": pending.iter().map(RequestId::as_str).collect::<Vec<_>>()})
            }
            Command::Waterfalls => {
                let recent = tools.recent_messages();
                json!({"waterfalls": recent.iter().map(shown::waterfall).collect::<Vec<_>>()})
            }
            Command::Status => self.status(),
            Command::Stats => json!({"stats": shown::stats(&self.socket.stats())}),
            Command::Explain { id } => {
                json!({"explanation": self.socket.explain(id).as_ref().map(shown::explanation)})
            }
            Command::Record { of } => {
                json!({"record": self.socket.peer_record(of).as_ref().map(shown::record)})
            }
            Command::Id => json!({
                "id": self.socket.id().as_str(),
                "protocol_id": self.socket.protocol().id(),
                "out_addr": shown::address(self.socket.out_addr()),
            }),
            _ => json!({"time": clock::unix_time().as_secs_f64()}),
        }
    }

    fn peers(&self) -> Value {
        let texts = |ids: Vec<NodeId>| ids.iter().map(NodeId::to_string).collect::<Vec<_>>();
        json!({
            "peers": self.socket.routing_table().iter().map(shown::peer).collect::<Vec<_>>(),
            "awaiting": self.socket.awaiting().len(),
            "outgoing": texts(self.socket.outgoing()),
            "incoming": texts(self.socket.incoming()),
        })
    }

    fn status(&self) -> Value {
        let status = self.socket.status();
        let troubles = status.troubles();
        let shown = if troubles.is_empty() {
            json!(status.to_string())
        } else {
            troubles.iter().map(shown::trouble).map(Value::from_iter).collect()
        };
        let (unread, lost) = self.inbox.with(|kept| (kept.unread(), kept.lost()));
        json!({
            "status": shown,
            "daemon_alive": status.is_running(),
            "queued": unread,
            "lost": lost,
        })
    }

    /// `result` is whether the node dialled and was answered, even if the other end then turned
    /// out to be none to talk to.
    fn connect(&self, host: &str, port: u16, id: Option<NodeId>) -> Answer {
        if id.is_some_and(|id| self.check_neighbor(&id).is_ok()) {
            return fields(json!({"result": false}));
        }
        match self.socket.connect((host, port)) {
            Ok(id) => fields(json!({"result": true, "id": id.as_str()})),
            Err(
                ConnectError::Dial(DialError::SelfConnection | DialError::AlreadyConnected(_))
                | ConnectError::Closed(CloseReason::SelfConnection),
            ) => fields(json!({"result": false})),
            Err(ConnectError::Closed(reason)) if was_answered(reason) => {
                fields(json!({"result": true, "note": reason.to_string()}))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Where there is nobody to send to, nobody gets it: that is no failure.
    fn send(&self, sub_flag: Option<&str>, packets: &[Vec<u8>]) -> Answer {
        let sent = match sub_flag {
            Some(flag) => self.socket.send_as(flag, packets),
            None => self.socket.send(packets),
        };
        match sent {
            Ok(report) => {
                let (queued, refused) = (report.queued(), report.refused().len());
                let id = report.id();
                fields(json!({"queued": queued, "refused": refused, "id": id.as_str()}))
            }
            Err(SendError::NoNeighbors) => fields(json!({"queued": 0, "refused": 0})),
            Err(error) => Err(error.into()),
        }
    }

    /// Under a name of the program's own it is a message and no more: the node does not know the
    /// name, and passes over the answer. Nodes of py2p close whoever asks for peers.
    fn request(&self, wanted: Wanted, name: Option<RequestId>) -> Answer {
        let tools = self.socket.tools();
        let name = match (wanted, name) {
            (Wanted::Everybody, None) => tools.request_peers()?,
            (Wanted::Node(id), None) => tools.start_locate(&id)?,
            (wanted, Some(name)) => {
                let what = match &wanted {
                    Wanted::Everybody => "*",
                    Wanted::Node(id) => id.as_str(),
                };
                for info in self.socket.routing_table() {
                    if wanted != Wanted::Everybody || info.is_extended {
                        let payload = ["request", name.as_str(), what];
                        tools.send_raw(&info.id, "broadcast", &payload)?;
                    }
                }
                name
            }
        };
        fields(json!({"rid": name.as_str()}))
    }

    fn check_neighbor(&self, id: &NodeId) -> Result<(), Refused> {
        let is_neighbor = self.socket.routing_table().iter().any(|info| info.id == *id);
        if is_neighbor { Ok(()) } else { Err(Refused::no_neighbor()) }
    }
}

/// Whether there was a connection before it ended for this reason.
fn was_answered(reason: CloseReason) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    match reason {
        CloseReason::Malformed(_)
        | CloseReason::Misbehaved(_)
        | CloseReason::WrongProtocol
        | CloseReason::OtherEncryption(_)
        | CloseReason::Encryption(_)
        | CloseReason::Denied(_)
        | CloseReason::Refused(_)
        | CloseReason::Remote => true,
        CloseReason::Network(error) => {
            matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
        }
        _ => false,
    }
}

fn fields(value: Value) -> Answer {
    match value {
        Value::Object(fields) => Ok(fields),
        other => Ok(Map::from_iter([("result".to_owned(), other)])),
    }
}

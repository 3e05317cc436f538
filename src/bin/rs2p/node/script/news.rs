//! Threads that tell what happens around the node while commands are done.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rs2p::{Event, LocateError, MeshSocket, NodeId, RecvError, Trouble};
use serde_json::{Value, json};

use super::super::error::NodeError;
use super::super::output::Output;
use super::inbox::Inbox;
use super::shown;
use crate::{clock, json};

/// How often it is looked whether something went wrong: what fails before it has a neighbor makes
/// no event.
const LOOK_PERIOD: Duration = Duration::from_millis(50);

/// Starts to fill the inbox and, where `events` are asked for, to tell them.
pub(super) fn start(
    socket: &MeshSocket,
    inbox: &Arc<Inbox>,
    output: &Output,
    events: bool,
) -> Result<(), NodeError> {
    let (socket_too, inbox, output_too) = (socket.clone(), Arc::clone(inbox), output.clone());
    let receive = move || receive(&socket_too, &inbox, events.then_some(&output_too));
    spawn("messages", receive).map_err(NodeError::Thread)?;
    if events {
        let (socket, output) = (socket.clone(), output.clone());
        spawn("events", move || tell(&socket, &output)).map_err(NodeError::Thread)?;
    }
    Ok(())
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// Puts messages into the inbox until the node is closed.
fn receive(socket: &MeshSocket, inbox: &Inbox, output: Option<&Output>) {
    loop {
        match socket.recv() {
            Ok(message) => {
                inbox.with(|kept| {
                    let received = kept.push(message, clock::unix_time().as_secs_f64());
                    // Before anybody can receive it: the event comes first, as from peer.py.
                    if let Some(output) = output {
                        let mut event = shown::message(&received);
                        event.insert("event".to_owned(), "message".into());
                        output.line(json::ascii(&event.into()));
                    }
                });
            }
            Err(RecvError::Lagged(count)) => inbox.with(|kept| kept.count_lost(count)),
            Err(_) => return,
        }
    }
}

/// Tells of events until the node is closed.
fn tell(socket: &MeshSocket, output: &Output) {
    let mut neighbors = BTreeSet::new();
    let mut troubles = Troubles::default();
    loop {
        match socket.next_event(LOOK_PERIOD) {
            Ok(Some(event)) => {
                if let Some(line) = line(&event, &mut neighbors) {
                    output.line(json::ascii(&line));
                }
            }
            Ok(None) => {}
            // Some joined or left, and nothing tells who did.
            Err(RecvError::Lagged(_)) => catch_up(socket, &mut neighbors, output),
            Err(_) => return,
        }
        for trouble in troubles.take_new(socket.status().troubles()) {
            let [kind, text, addr] = shown::trouble(&trouble);
            output.line(json::ascii(
                &json!({"event": "exception", "type": kind, "text": text, "where": addr}),
            ));
        }
    }
}

fn line(event: &Event, neighbors: &mut BTreeSet<NodeId>) -> Option<Value> {
    match event {
        Event::PeerJoined(info) => neighbors.insert(info.id).then(|| join(&info.id)),
        Event::PeerLost { id, reason } => {
            neighbors.remove(id).then(|| leave(id, &reason.to_string()))
        }
        Event::LocateDone { request_id, outcome } => Some(json!({
            "event": "located",
            "rid": request_id.as_str(),
            "addr": outcome.as_ref().ok().map(shown::address),
            "text": outcome.as_ref().err().map(LocateError::to_string),
        })),
        Event::ClockSuspect { ahead_secs } => {
            Some(json!({"event": "clock_suspect", "ahead": ahead_secs}))
        }
        _ => None,
    }
}

fn join(id: &NodeId) -> Value {
    json!({"event": "peer_join", "id": id.as_str()})
}

fn leave(id: &NodeId, reason: &str) -> Value {
    json!({"event": "peer_leave", "id": id.as_str(), "reason": reason})
}

/// Tells of the neighbors that joined or left since somebody last looked.
fn catch_up(socket: &MeshSocket, neighbors: &mut BTreeSet<NodeId>, output: &Output) {
    let now: BTreeSet<NodeId> = socket.routing_table().iter().map(|info| info.id).collect();
    for id in neighbors.difference(&now) {
        output.line(json::ascii(&leave(id, "not known: too much happened at once")));
    }
    for id in now.difference(neighbors) {
        output.line(json::ascii(&join(id)));
    }
    *neighbors = now;
}

/// What went wrong and was told.
#[derive(Debug, Default)]
struct Troubles {
    last: Option<Trouble>,
}

impl Troubles {
    /// Those of a node's last troubles that are new.
    fn take_new(&mut self, troubles: &[Trouble]) -> Vec<Trouble> {
        let told = troubles.iter().rposition(|trouble| Some(trouble) == self.last.as_ref());
        let new: Vec<Trouble> =
            troubles.iter().skip(told.map_or(0, |at| at + 1)).cloned().collect();
        self.last = troubles.last().cloned();
        new
    }
}

//! `rs2p node --json`: a node that a program drives, a line of JSON for each command, each answer
//! and each event.
//!
//! The commands and fields are those of `tests/interop/peer.py`, which drives a py2p node, so that
//! a program can drive either alike. One thread does the commands in order; others tell what
//! happens meanwhile.

mod command;
mod execute;
mod fields;
mod inbox;
mod news;
mod refused;
mod shown;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;

use rs2p::MeshSocket;
use serde_json::{Map, Value, json};

use super::error::NodeError;
use super::join::{self, Joined};
use super::lines::{self, Line};
use super::options::Options;
use super::output::Output;
use super::stop::Stop;
use crate::json;
use command::{Command, CommandError};
use execute::Executor;
use inbox::Inbox;

/// Runs the node until it is to end. Returns whether it left in good order.
pub(super) fn run(
    options: &Options,
    socket: &MeshSocket,
    output: &Output,
    stopped: &Receiver<Stop>,
) -> Result<bool, NodeError> {
    output.line(json::ascii(&ready(options, socket)));
    let inbox = Arc::new(Inbox::default());
    news::start(socket, &inbox, output, options.events)?;
    let (executor, seeds, output_too) =
        (Executor::new(socket.clone(), inbox), options.connect.clone(), output.clone());
    thread::Builder::new()
        .name("commands".to_owned())
        .spawn(move || obey(&executor, &seeds, &output_too))
        .map_err(NodeError::Thread)?;
    // The threads hold senders, so that this waits.
    drop(stopped.recv());
    let (report, saved) = super::leave(options, socket);
    let unsent = report.unsent().iter().map(|(id, len)| json!([id.as_str(), len]));
    let mut bye = Map::new();
    bye.insert("event".to_owned(), json!("bye"));
    bye.insert("clean".to_owned(), json!(report.is_clean()));
    bye.insert("unsent".to_owned(), unsent.collect());
    // In doubt alone: the line is otherwise what it always was.
    if !report.unconfirmed().is_empty() {
        let unconfirmed = report.unconfirmed().iter().map(|id| json!(id.as_str()));
        bye.insert("unconfirmed".to_owned(), unconfirmed.collect());
    }
    output.last_line(json::ascii(&Value::Object(bye))).map_err(NodeError::Output)?;
    saved?;
    Ok(report.is_clean())
}

fn ready(options: &Options, socket: &MeshSocket) -> Value {
    json!({
        "event": "ready",
        "id": socket.id().as_str(),
        "addr": shown::address(&socket.local_addr().into()),
        "out_addr": shown::address(socket.out_addr()),
        "protocol": [socket.protocol().subnet(), socket.protocol().encryption()],
        "authenticated": options.encryption.is_authenticated(),
        "protocol_id": socket.protocol().id(),
        "compression": shown::methods(&options.compressions),
        "pid": std::process::id(),
    })
}

/// Does the commands until there are no more, and has the node end.
fn obey(executor: &Executor, seeds: &[String], output: &Output) {
    for name in seeds {
        if let Joined::Failed(error) = join::keep(executor.socket(), name) {
            let text = error.to_string();
            output.line(json::ascii(&json!({
                "event": "exception", "type": "ConnectError", "text": text, "where": name,
            })));
        }
    }
    let mut input = io::stdin().lock();
    loop {
        let Ok(Some(line)) = lines::next(&mut input, lines::MAX_LINE_LEN) else {
            return output.stop(Stop::EndOfInput);
        };
        let Some(answer) = answer(executor, &line) else { continue };
        let has = |name, value: Value| answer.get(name) == Some(&value);
        let is_quit = has("answer", "quit".into()) && has("ok", true.into());
        output.line(json::ascii(&answer));
        if is_quit {
            return output.stop(Stop::Quit);
        }
    }
}

/// The answer to a line; none to an empty one.
fn answer(executor: &Executor, line: &Line) -> Option<Value> {
    let text = match line {
        Line::Text(text) if text.trim().is_empty() => return None,
        Line::Text(text) => text,
        Line::NotUtf8 => return Some(failure(Value::Null, Value::Null, &CommandError::NotUtf8)),
        Line::TooLong => return Some(failure(Value::Null, Value::Null, &CommandError::TooLong)),
    };
    let fields = match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) => return Some(failure(Value::Null, Value::Null, &CommandError::NoObject)),
        Err(error) => {
            let error = CommandError::NoJson(error.to_string());
            return Some(failure(Value::Null, Value::Null, &error));
        }
    };
    let tag = fields.get("tag").cloned().unwrap_or_default();
    let name = fields.get("cmd").filter(|name| name.is_string()).cloned().unwrap_or_default();
    let outcome = match Command::parse(&fields) {
        Ok(command) => executor.execute(command),
        Err(error) => return Some(failure(name, tag, &error)),
    };
    Some(match outcome {
        Ok(fields) => success(name, tag, fields),
        Err(refused) => json!({
            "answer": name, "tag": tag, "ok": false, "error": refused.kind, "text": refused.text,
        }),
    })
}

fn success(name: Value, tag: Value, mut fields: Map<String, Value>) -> Value {
    fields.insert("answer".to_owned(), name);
    fields.insert("tag".to_owned(), tag);
    fields.insert("ok".to_owned(), true.into());
    fields.into()
}

fn failure(name: Value, tag: Value, error: &CommandError) -> Value {
    json!({
        "answer": name, "tag": tag, "ok": false, "error": error.kind(), "text": error.to_string(),
    })
}

//! A node in a process of its own, of either kind, driven by lines of JSON and by nothing else.
//!
//! Nothing here knows which program answers, but for how it is started.

use std::collections::{BTreeSet, VecDeque};
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::{Value, json};

use crate::py2p::{Deadline, PATIENCE};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// `peer.py`, a py2p node.
    Py2p,
    /// `rs2p node --json`.
    Rs2p,
}

pub(crate) struct Driven {
    pub(crate) program: Program,
    pub(crate) ready: Value,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
    last_tag: u64,
    neighbors: BTreeSet<String>,
    unread: VecDeque<Value>,
}

impl Driven {
    /// Starts a node that dials nobody by itself, and waits until it listens.
    pub(crate) fn start(program: Program) -> Self {
        let mut command = match program {
            Program::Py2p => {
                let python = env::var_os("RS2P_PYTHON").unwrap();
                let mut command = Command::new(python);
                command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/peer.py"));
                command.args(["--connect-timeout", "10"]).stderr(Stdio::null());
                command
            }
            Program::Rs2p => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_rs2p"));
                command.args(["node", "--json", "--encryption", "Plaintext"]);
                command
            }
        };
        command.args(["--max-outgoing", "0"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let stdin = child.stdin.take();
        let mut node = Self {
            program,
            ready: Value::Null,
            child,
            stdin,
            lines,
            last_tag: 0,
            neighbors: BTreeSet::new(),
            unread: VecDeque::new(),
        };
        node.ready = node.line("it to start");
        assert_eq!(node.ready["event"], "ready", "{program:?}");
        node
    }

    pub(crate) fn id(&self) -> &str {
        self.ready["id"].as_str().unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line, whatever it is.
    pub(crate) fn write(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Has the node do something; returns its answer.
    pub(crate) fn ask(&mut self, mut command: Value) -> Value {
        self.last_tag += 1;
        command["tag"] = self.last_tag.into();
        self.write(&command.to_string());
        let answer = self.answer();
        assert_eq!(answer["tag"], self.last_tag, "{:?} to {command}: {answer}", self.program);
        assert_eq!(answer["answer"], command["cmd"], "{:?} to {command}: {answer}", self.program);
        answer
    }

    /// Has the node do something that must succeed.
    pub(crate) fn must(&mut self, command: Value) -> Value {
        let answer = self.ask(command.clone());
        assert_eq!(answer["ok"], true, "{:?} to {command}: {answer}", self.program);
        answer
    }

    /// Has the node do something that it must refuse, and say why.
    pub(crate) fn refused(&mut self, command: Value) {
        let answer = self.ask(command.clone());
        let program = self.program;
        assert_eq!(answer["ok"], false, "{program:?} to {command}: {answer}");
        assert!(answer["error"].as_str().is_some_and(|error| !error.is_empty()), "{answer}");
        assert!(answer["text"].is_string(), "{answer}");
    }

    /// The next answer; what happened meanwhile is booked.
    pub(crate) fn answer(&mut self) -> Value {
        loop {
            let line = self.line("an answer");
            if line.get("answer").is_some() {
                return line;
            }
        }
    }

    /// Waits for a message with these packets, of which those that are no text are null.
    pub(crate) fn message(&mut self, packets: &Value) -> Value {
        loop {
            if let Some(at) = self.unread.iter().position(|event| event["packets"] == *packets) {
                return self.unread.remove(at).unwrap();
            }
            self.line(&format!("message {packets}"));
        }
    }

    pub(crate) fn wait_for_join(&mut self, id: &str) {
        while !self.neighbors.contains(id) {
            self.line(&format!("peer_join of {id}"));
        }
    }

    pub(crate) fn wait_for_leave(&mut self, id: &str) {
        while self.neighbors.contains(id) {
            self.line(&format!("peer_leave of {id}"));
        }
    }

    /// Closes its input.
    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Reads on to `bye`, behind which nothing comes, and waits for the end of the process.
    pub(crate) fn bye(&mut self) -> ExitStatus {
        while self.line("bye")["event"] != "bye" {}
        let end = self.lines.recv_timeout(PATIENCE);
        assert!(end.is_err(), "{:?} says more after bye: {end:?}", self.program);
        self.child.wait().unwrap()
    }

    /// Asks again and again until the answer is as it must become.
    pub(crate) fn until(&mut self, command: &Value, mut is_it: impl FnMut(&Value) -> bool) {
        let deadline = Deadline::after(PATIENCE);
        loop {
            let answer = self.must(command.clone());
            if is_it(&answer) {
                return;
            }
            assert!(!deadline.left().is_zero(), "{:?} to {command}: {answer}", self.program);
            // A look at a node takes it some time; that is pause enough.
            self.must(json!({"cmd": "recv", "timeout": 0.02, "max": 0}));
        }
    }

    fn line(&mut self, what: &str) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|error| {
            panic!("{:?}: no {what}: {error}; unread {:?}", self.program, self.unread)
        });
        let id = || line["id"].as_str().unwrap().to_owned();
        match line["event"].as_str() {
            Some("peer_join") => drop(self.neighbors.insert(id())),
            Some("peer_leave") => drop(self.neighbors.remove(&id())),
            Some("message") => self.unread.push_back(line.clone()),
            _ => {}
        }
        line
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        // Either call fails only if the process has ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

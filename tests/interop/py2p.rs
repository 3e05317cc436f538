//! A real py2p node in a process of its own, told what to do line by line: see `peer.py`.
//!
//! Nothing here sleeps: every wait is for the node's next line, up to a deadline.

use std::collections::{BTreeSet, VecDeque};
use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rs2p::NodeId;
use serde_json::{Value, json};

/// How long a test waits for what must come. Far above what it takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running py2p node. Dropping it ends its process.
pub(crate) struct Py2p {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<Value>,
    stderr: Arc<Mutex<String>>,
    id: NodeId,
    addr: SocketAddr,
    last_tag: u64,
    unread: VecDeque<Message>,
    distinct: BTreeSet<Packets>,
    neighbors: BTreeSet<NodeId>,
    exceptions: Vec<Value>,
}

/// The packets of a message as a user sees them: the sub-flag first.
pub(crate) type Packets = Vec<Vec<u8>>;

/// A message that the node handed to its user.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The node's own number for it, for [`Py2p::reply`].
    pub(crate) number: u64,
    pub(crate) main_flag: String,
    pub(crate) sender: NodeId,
    /// Its message id, as this node computes it, and its time: py2p's name for a message.
    pub(crate) name: (String, u64),
    pub(crate) packets: Packets,
    /// Whether it came plain where the node expected compression.
    pub(crate) compression_fail: bool,
}

impl Py2p {
    /// Starts a node with these options of `peer.py` and waits until it listens.
    pub(crate) fn start(options: &[&str]) -> Self {
        let python = env::var_os("RS2P_PYTHON")
            .unwrap_or_else(|| panic!("set RS2P_PYTHON to a Python that has py2p 0.2.136"));
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/peer.py");
        let mut child = Command::new(&python)
            .arg(script)
            .args(["--connect-timeout", "10"])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run RS2P_PYTHON, {python:?}: {error}"));
        let stdin = child.stdin.take().unwrap();
        let lines = read_lines(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        let mut node = Self {
            child,
            stdin,
            lines,
            stderr,
            id: NodeId::parse(b"unknown").unwrap(),
            addr: SocketAddr::from(([0; 4], 0)),
            last_tag: 0,
            unread: VecDeque::new(),
            distinct: BTreeSet::new(),
            neighbors: BTreeSet::new(),
            exceptions: Vec::new(),
        };
        let ready = node.next_line("the node to start", Deadline::after(PATIENCE)).unwrap();
        if ready["event"] != "ready" || ready["version"] != "0.2.136" {
            panic!("py2p did not start: {ready}{}", node.condition());
        }
        node.id = id_of(&ready["id"]);
        let (host, port) = (&ready["addr"][0], &ready["addr"][1]);
        node.addr = format!("{}:{port}", host.as_str().unwrap()).parse().unwrap();
        node
    }

    pub(crate) fn id(&self) -> NodeId {
        self.id
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Has the node do something; returns its answer. Fails the test where the node failed.
    pub(crate) fn command(&mut self, command: Value) -> Value {
        let text = command.to_string();
        self.try_command(command)
            .unwrap_or_else(|error| panic!("py2p failed at {text}: {error}{}", self.condition()))
    }

    /// Has the node do something; returns its answer, as an error where the node failed.
    pub(crate) fn try_command(&mut self, mut command: Value) -> Result<Value, Value> {
        self.last_tag += 1;
        command["tag"] = self.last_tag.into();
        let what = format!("the answer to {command}");
        writeln!(self.stdin, "{command}")
            .unwrap_or_else(|error| panic!("py2p took no command: {error}{}", self.condition()));
        let deadline = Deadline::after(PATIENCE);
        loop {
            let line = self.must(&what, deadline);
            if line["tag"] == self.last_tag {
                return if line["ok"] == true { Ok(line) } else { Err(line) };
            }
        }
    }

    /// Dials `addr`; false if the node knows the neighbor already, or if it is its own address.
    pub(crate) fn connect(&mut self, addr: SocketAddr) -> bool {
        let host = addr.ip().to_string();
        self.command(json!({"cmd": "connect", "addr": host, "port": addr.port()}))["result"] == true
    }

    /// Broadcasts.
    pub(crate) fn send(&mut self, packets: &[&str]) {
        self.command(json!({"cmd": "send", "packets": packets}));
    }

    /// Broadcasts packets that need not be text.
    pub(crate) fn send_bytes(&mut self, packets: &[&[u8]]) {
        let packets: Vec<_> = packets.iter().map(|packet| hex(packet)).collect();
        self.command(json!({"cmd": "send", "packets_hex": packets}));
    }

    /// Whispers to one neighbor.
    pub(crate) fn whisper(&mut self, to: NodeId, packets: &[&str]) {
        self.command(json!({"cmd": "whisper", "to": to.as_str(), "packets": packets}));
    }

    /// Whispers bytes that need not be text, as one packet.
    pub(crate) fn whisper_bytes(&mut self, to: NodeId, packet: &[u8]) {
        let packets = [hex(packet)];
        self.command(json!({"cmd": "whisper", "to": to.as_str(), "packets_hex": packets}));
    }

    /// Writes bytes to one neighbor that need not be a message.
    pub(crate) fn send_raw_bytes(&mut self, to: NodeId, bytes: &[u8]) {
        self.command(json!({"cmd": "bytes", "to": to.as_str(), "hex": hex(bytes)}));
    }

    /// Has the process end at once, in the middle of whatever it does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Replies to a message that this node received.
    pub(crate) fn reply(&mut self, message: &Message, packets: &[&str]) {
        self.command(json!({"cmd": "reply", "n": message.number, "packets": packets}));
    }

    /// Ends the connection with one neighbor.
    pub(crate) fn disconnect(&mut self, from: NodeId) {
        self.command(json!({"cmd": "disconnect", "to": from.as_str()}));
    }

    /// The ids in the node's routing table.
    pub(crate) fn peers(&mut self) -> BTreeSet<NodeId> {
        let answer = self.command(json!({"cmd": "peers"}));
        answer["peers"].as_array().unwrap().iter().map(|peer| id_of(&peer["id"])).collect()
    }

    /// Fails the test if anything went wrong inside the node: py2p records what it cannot handle.
    pub(crate) fn assert_nominal(&mut self) {
        let answer = self.command(json!({"cmd": "status"}));
        if answer["status"] != "Nominal" || answer["daemon_alive"] != true {
            panic!("py2p is not well: {answer}{}", self.condition());
        }
    }

    /// Takes the first unread message that `is_it` accepts; those in front of it stay unread.
    pub(crate) fn recv_until(
        &mut self,
        timeout: Duration,
        is_it: impl FnMut(&Message) -> bool,
    ) -> Message {
        self.recv_within(timeout, is_it).unwrap_or_else(|| {
            panic!("no such message within {timeout:?}, but {:?}{}", self.unread, self.condition())
        })
    }

    /// Like [`Py2p::recv_until`]; `None` if no such message comes in time.
    pub(crate) fn recv_within(
        &mut self,
        timeout: Duration,
        mut is_it: impl FnMut(&Message) -> bool,
    ) -> Option<Message> {
        let deadline = Deadline::after(timeout);
        loop {
            if let Some(at) = self.unread.iter().position(&mut is_it) {
                return self.unread.remove(at);
            }
            self.next_line("a message", deadline)?;
        }
    }

    /// The payloads of all messages so far, each once, however often py2p repeated it.
    pub(crate) fn distinct_payloads(&self) -> &BTreeSet<Packets> {
        &self.distinct
    }

    /// Waits until the node has `id` in its routing table.
    pub(crate) fn wait_for_peer(&mut self, id: NodeId) {
        let deadline = Deadline::after(PATIENCE);
        while !self.neighbors.contains(&id) {
            self.must(&format!("neighbor {id}"), deadline);
        }
    }

    /// Waits until the node has `id` in its routing table no more.
    pub(crate) fn wait_for_loss(&mut self, id: NodeId) {
        let deadline = Deadline::after(PATIENCE);
        while self.neighbors.contains(&id) {
            self.must(&format!("the loss of neighbor {id}"), deadline);
        }
    }

    fn must(&mut self, what: &str, deadline: Deadline) -> Value {
        self.next_line(what, deadline)
            .unwrap_or_else(|| panic!("waited too long for {what}{}", self.condition()))
    }

    /// Takes the node's next line and books what it tells; `None` at the deadline.
    fn next_line(&mut self, what: &str, deadline: Deadline) -> Option<Value> {
        let line = match self.lines.recv_timeout(deadline.left()) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait();
                panic!("py2p ended before {what}: {status:?}{}", self.condition())
            }
        };
        match line["event"].as_str() {
            Some("message") => {
                let message = Message::read(&line);
                self.distinct.insert(message.packets.clone());
                self.unread.push_back(message);
            }
            Some("peer_join") => drop(self.neighbors.insert(id_of(&line["id"]))),
            Some("peer_leave") => drop(self.neighbors.remove(&id_of(&line["id"]))),
            Some("exception" | "daemon_dead") => self.exceptions.push(line.clone()),
            _ => {}
        }
        Some(line)
    }

    /// What to know of the node where a test fails.
    fn condition(&self) -> String {
        let stderr = self.stderr.lock().unwrap();
        let neighbors: Vec<_> = self.neighbors.iter().map(NodeId::short).collect();
        format!(
            "\n  py2p node: {} at {}\n  neighbors: {neighbors:?}\n  exceptions: {:?}\n  stderr: {}",
            self.id.short(),
            self.addr,
            self.exceptions,
            stderr.trim_end()
        )
    }
}

impl Drop for Py2p {
    fn drop(&mut self) {
        // py2p has no other way to close. Either call fails only if the process has ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Message {
    fn read(event: &Value) -> Self {
        let packets = event["packets_hex"].as_array().unwrap();
        Self {
            number: event["n"].as_u64().unwrap(),
            main_flag: event["main"].as_str().unwrap_or_default().to_owned(),
            sender: id_of(&event["sender"]),
            name: (event["id"].as_str().unwrap().to_owned(), event["time"].as_u64().unwrap()),
            packets: packets.iter().map(|packet| unhex(packet.as_str().unwrap())).collect(),
            compression_fail: event["compression_fail"] == true,
        }
    }

    /// Whether the packets behind the sub-flag are these.
    pub(crate) fn says<P: AsRef<[u8]>>(&self, packets: &[P]) -> bool {
        self.packets.iter().skip(1).eq(packets.iter().map(AsRef::as_ref))
    }
}

/// A point in real time that a wait ends at.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    #[expect(clippy::disallowed_methods, reason = "a live test waits in real time")]
    pub(crate) fn after(timeout: Duration) -> Self {
        Self(Instant::now() + timeout)
    }

    #[expect(clippy::disallowed_methods, reason = "a live test waits in real time")]
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

fn read_lines(stdout: impl Read + Send + 'static) -> Receiver<Value> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let value = serde_json::from_str(&line).unwrap_or_else(|_| json!({"noise": line}));
            if sender.send(value).is_err() {
                return;
            }
        }
    });
    receiver
}

fn collect(stderr: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let shared = Arc::clone(&text);
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let mut text = shared.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
        }
    });
    text
}

fn id_of(value: &Value) -> NodeId {
    value.as_str().and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no node id: {value}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

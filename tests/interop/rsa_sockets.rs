//! `RsaSocket` against py2p's `secure_socket`, in both roles and at many sizes of keys.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use rs2p::rsa::{Hash, KeySize, PrivateKey, best_hash};
use rs2p::{RsaSocket, RsaSocketBuilder};
use serde_json::Value;
use sha2::{Digest, Sha512};

/// Python takes ten seconds for a mebibyte on an idle machine.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(120));

/// A py2p socket in a process of its own. Dropping it ends the process.
struct Py2pSocket {
    child: Child,
    _stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Py2pSocket {
    fn start(args: &[&str], key: &Value) -> Self {
        let python = env::var_os("RS2P_PYTHON")
            .unwrap_or_else(|| panic!("set RS2P_PYTHON to a Python that has py2p 0.2.136"));
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/rsa_peer.py");
        let mut child = Command::new(python)
            .arg(script)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{key}").unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, _stdin: stdin, stdout }
    }

    /// Its next line; fails the test if it has ended.
    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("the py2p socket ended: {line:?}"))
    }
}

impl Drop for Py2pSocket {
    fn drop(&mut self) {
        // Either call fails only if the process has ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The parts of a fixed key: of the golden vectors, but for one that Python is slow to make.
fn parts(name: &str) -> Value {
    if name == "4096" {
        return serde_json::from_str(include_str!("rsa-4096.json")).unwrap();
    }
    let vectors: Value = serde_json::from_str(include_str!("../vectors/py2p.json")).unwrap();
    vectors["rsa"]["keys"][name].clone()
}

fn key(name: &str) -> PrivateKey {
    let parts = parts(name);
    let number = |part: &str| decimal(parts[part].as_str().unwrap());
    let [n, e, d, p, q] = ["n", "e", "d", "p", "q"].map(number);
    PrivateKey::new(&n, &e, &d, &p, &q).unwrap()
}

/// The big-endian bytes of a decimal number, which are as many as the number needs.
fn decimal(text: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    for digit in text.bytes() {
        let mut carry = u32::from(digit - b'0');
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 10;
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        if carry > 0 {
            bytes.insert(0, carry.to_le_bytes()[0]);
        }
    }
    bytes
}

fn builder(name: &str) -> RsaSocketBuilder {
    RsaSocket::builder().key(key(name)).timeout(PATIENCE)
}

/// Sends messages to a socket that sends them back reversed, and ends the connection.
fn echo(socket: &RsaSocket, mut peer: Py2pSocket, lengths: &[usize], theirs: &str) {
    for len in lengths {
        let message: Vec<u8> = (0..*len).map(|at| (at * 7 + 3).to_le_bytes()[0]).collect();
        socket.send(&message).unwrap();
        let mut answer = socket.recv_message().unwrap().unwrap().to_vec();
        answer.reverse();
        assert!(answer == message, "{len} bytes, key {theirs}");
    }
    let theirs = key(theirs);
    assert_eq!(socket.peer_key().as_ref(), Some(theirs.public()));
    // py2p takes an end of the connection that cuts nothing for an undecipherable block.
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    let report = peer.line();
    assert_eq!(report["echoed"], lengths.len());
    assert_eq!(report["peer_keysize"], socket.key_size().bits());
    let signature = rs2p::rsa::sign(b"signed", &theirs, best_hash(theirs.size())).unwrap();
    let digest: String =
        Sha512::digest(&signature).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(report["own"], digest.as_str());
    assert_eq!(socket.verify(b"signed", &signature, None), Ok(best_hash(theirs.size())));
    assert_eq!(socket.recv_message().unwrap(), None);
}

fn dials_py2p(ours: &str, theirs: &str, lengths: &[usize]) {
    let mut peer = Py2pSocket::start(&["server"], &parts(theirs));
    let port = u16::try_from(peer.line()["port"].as_u64().unwrap()).unwrap();
    let socket = builder(ours).connect(("127.0.0.1", port)).unwrap();
    echo(&socket, peer, lengths, theirs);
}

fn is_dialled_by_py2p(ours: &str, theirs: &str, lengths: &[usize]) {
    let listener = builder(ours).bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let peer = Py2pSocket::start(&["client", &port], &parts(theirs));
    let (socket, _) = listener.accept().unwrap();
    assert_eq!(socket.recv_message().unwrap().unwrap(), "hello from py2p");
    echo(&socket, peer, lengths, theirs);
}

/// Each size once at each end, and never the same at both.
const PAIRS: [(&str, &str); 6] = [
    ("362", "512"),
    ("512", "746"),
    ("746", "1024"),
    ("1024", "2048"),
    ("2048", "4096"),
    ("4096", "362"),
];
/// About where py2p's pieces and counts change, and the length of a large mesh message.
const LENGTHS: [usize; 6] = [1, 28, 29, 113, 5_000, 16 << 10];

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn keys_of_all_sizes_work_with_py2p_when_it_is_dialled() {
    for (ours, theirs) in PAIRS {
        dials_py2p(ours, theirs, &LENGTHS);
    }
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn keys_of_all_sizes_work_with_py2p_when_it_dials() {
    for (ours, theirs) in PAIRS {
        is_dialled_by_py2p(ours, theirs, &LENGTHS);
    }
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn a_mebibyte_goes_to_py2p_and_back() {
    dials_py2p("1024b", "1024", &[1 << 20]);
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn a_mebibyte_goes_to_py2p_that_dialled_and_back() {
    is_dialled_by_py2p("1024b", "1024", &[1 << 20]);
}

#[test]
fn the_fixed_keys_are_what_they_are_called() {
    for name in PAIRS.map(|(name, _)| name) {
        let bits: usize = name.parse().unwrap();
        assert_eq!(key(name).size(), KeySize::weak(bits).unwrap());
    }
    assert_eq!(best_hash(key("362").size()), Hash::Sha1);
}

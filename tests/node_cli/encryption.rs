//! Nodes under one encryption and another, with a key in a file, and with a secret.

use std::path::PathBuf;

use rs2p::{Encryption, Identity, MeshSecret, MeshSocket};
use serde_json::{Value, json};

use crate::running::{PATIENCE, Running, output};

/// A file that goes with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("rs2p-node-{name}-{}", std::process::id())))
    }

    fn shown(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// The words of the command line and the names in the protocol.
const ALL: [(&str, &str); 3] =
    [("plaintext", "Plaintext"), ("rsa", "PKCS1_v1.5"), ("tls", "tls13-rpk/1")];

#[cfg(feature = "rsa")]
#[test]
fn who_speaks_another_encryption_is_told_which_is_spoken_there() {
    for (own, own_name) in ALL {
        let others = ALL.into_iter().filter(|(other, _)| *other != own);
        for (other, other_name) in others {
            let mut there = Running::start(&format!("--encryption {other}"));
            let addr = there.addr();
            let mut here = Running::start(&format!("--encryption {own} --connect {addr}"));
            let expected = format!(
                "* {addr}: not connected: the peer speaks {other_name}, not {own_name}; see \
                 --encryption; it is tried again from time to time"
            );
            assert_eq!(here.until("not connected"), expected);
            there.say("/stats");
            let trouble = there.until("trouble ");
            let expected =
                format!(": the peer speaks {own_name}, another encryption than this node");
            assert!(trouble.ends_with(&expected), "{trouble}");
        }
    }
}

#[test]
fn the_first_lines_tell_the_encryption_and_how_to_join_it() {
    for (encryption, told, option) in [
        ("plaintext", ", not encrypted", " --encryption plaintext"),
        ("tls", ", encrypted by TLS", ""),
        #[cfg(feature = "rsa")]
        ("rsa", ", under py2p's RSA, in which nobody proves an id", " --encryption rsa"),
    ] {
        let (shown, _, code) = output(&format!("node --encryption {encryption}"), b"/stats\n");
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[0].ends_with(told), "{shown}");
        let addr = lines[0].split([' ', ',']).nth(4).unwrap();
        let join = format!("join it from another terminal: rs2p node --connect {addr}{option}");
        assert_eq!((lines[1], code), (join.as_str(), Some(0)));
        assert!(lines.contains(&format!("encryption {encryption}").as_str()), "{shown}");
        let proof = if encryption == "tls" { "proven" } else { "unproven" };
        assert!(lines.contains(&format!("neighbors  0, their ids {proof}").as_str()), "{shown}");
        let ready = output(&format!("node --json --encryption {encryption}"), b"").0;
        let ready: Value = serde_json::from_str(ready.lines().next().unwrap()).unwrap();
        assert_eq!(ready["authenticated"], encryption == "tls");
    }
}

#[test]
fn a_key_in_a_file_is_the_nodes_id_from_run_to_run() {
    let file = File::new("identity");
    let ids = [(); 2].map(|()| {
        let (shown, complaint, _) =
            output(&format!("node --identity {}", file.shown()), b"/stats\n");
        assert_eq!(complaint, "");
        shown.lines().find_map(|line| line.strip_prefix("id         ")).unwrap().to_owned()
    });
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[0], Identity::load(&file.0).unwrap().node_id().as_str());
    let others = [(); 2].map(|()| output("node", b"/stats\n").0);
    assert!(others.iter().all(|shown| !shown.contains(&ids[0])));
}

#[test]
fn who_does_not_know_the_secret_is_no_neighbor_and_learns_why() {
    let (file, other) = (File::new("secret"), File::new("other"));
    MeshSecret::generate().unwrap().save(&file.0).unwrap();
    MeshSecret::generate().unwrap().save(&other.0).unwrap();
    let mut hub = Running::start(&format!("--secret-file {}", file.shown()));
    let addr = hub.addr();
    let join = hub.until("join it");
    assert!(join.ends_with(&format!(" --connect {addr} --secret-file {}", file.shown())), "{join}");
    for args in [format!("--secret-file {}", other.shown()), String::new()] {
        let mut stranger = Running::start(&format!("{args} --connect {addr}"));
        let refusal = stranger.until("not connected");
        assert!(refusal.contains("secret"), "{refusal}");
        stranger.say("/peers");
        stranger.until("nobody is connected");
    }
    let mut member = Running::start(&format!("--secret-file {} --connect {addr}", file.shown()));
    member.until("is a neighbor now");
    member.say("among ourselves");
    hub.until(": among ourselves");
    assert!(!hub.shown.contains("#2"), "{}", hub.shown);
}

#[test]
fn a_line_is_piped_into_a_plaintext_mesh() {
    let builder = MeshSocket::builder().encryption(Encryption::Plaintext);
    let node = builder.bind("127.0.0.1:0").unwrap();
    let args = format!("node --encryption plaintext --connect {}", node.local_addr());
    let (shown, _, code) = output(&args, b"hello\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(node.recv_timeout(PATIENCE).unwrap().unwrap().contents().eq([b"hello"]));
}

#[test]
fn what_has_no_effect_without_tls_is_a_usage_error() {
    for (option, why) in [
        ("--identity", "under plaintext no node proves its id"),
        ("--secret-file", "under plaintext no node proves anything"),
    ] {
        let (shown, complaint, code) =
            output(&format!("node --encryption plaintext {option} file"), b"");
        assert_eq!((shown.as_str(), code), ("", Some(2)));
        assert_eq!(complaint, format!("error: {option} has no effect: {why}\n"));
    }
}

#[test]
fn a_program_can_drive_nodes_of_each_encryption() {
    for (encryption, name) in ALL {
        if encryption == "rsa" && cfg!(not(feature = "rsa")) {
            continue;
        }
        let mut first = Running::start(&format!("--json --encryption {encryption}"));
        let ready: Value = serde_json::from_str(&first.next()).unwrap();
        assert_eq!(ready["protocol"], json!(["mesh", name]));
        // The protocol's own names will do, as peer.py has them.
        let addr = format!("127.0.0.1:{}", ready["addr"][1]);
        let mut second = Running::start(&format!("--json --encryption {name} --connect {addr}"));
        second.until("peer_join");
        second.say(r#"{"cmd": "send", "packets": ["hello"]}"#);
        let message: Value = serde_json::from_str(&first.until("hello")).unwrap();
        assert_eq!(message["authenticated"], encryption == "tls");
    }
}

#[test]
fn a_message_that_anybody_could_have_made_is_marked_in_the_chat() {
    for (encryption, mark) in [("plaintext", " (unproven)"), ("tls", "")] {
        let mut chat = Running::start(&format!("--encryption {encryption}"));
        let encryption = if mark.is_empty() { Encryption::Tls } else { Encryption::Plaintext };
        let node = MeshSocket::builder().encryption(encryption).bind("127.0.0.1:0").unwrap();
        let id = node.connect(chat.addr()).unwrap();
        let sender = node.id().short().to_owned();
        node.send(&["to all"]).unwrap();
        assert_eq!(chat.until("to all"), format!("#1 {sender}{mark}: to all"));
        node.whisper(&id, &["to you"]).unwrap();
        assert_eq!(chat.until("to you"), format!("#2 {sender}{mark} whispers: to you"));
    }
}

//! `rs2p keygen` and `rs2p id`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rs2p::{Identity, MeshSecret};
use serde_json::Value;

/// A folder that goes with the test, in which the program runs.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rs2p-cli-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Runs the program here.
    fn rs2p(&self, args: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rs2p"));
        command.args(args.split_whitespace()).current_dir(&self.0).output().unwrap()
    }

    fn printed(&self, args: &str) -> String {
        let output = self.rs2p(args);
        assert_eq!(output.status.code(), Some(0), "{args}: {output:?}");
        assert!(output.stderr.is_empty(), "{args}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What is said where it does not work.
    fn refusal(&self, args: &str, code: i32) -> String {
        let output = self.rs2p(args);
        assert_eq!(output.status.code(), Some(code), "{args}: {output:?}");
        assert!(output.stdout.is_empty(), "{args}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn id_in(path: &Path) -> String {
    Identity::load(path).unwrap().node_id().to_string()
}

#[test]
fn a_key_is_made_and_its_id_told() {
    let folder = Folder::new("made");
    for (args, name) in [("keygen", "node.key"), ("keygen alice.key", "alice.key")] {
        let shown = folder.printed(args);
        let id = id_in(&folder.path(name));
        assert_eq!(shown, format!("{name} is the key of node {id}\n"));
        assert_eq!(folder.printed(&format!("id {name}")), format!("{id}\n"));
    }
    let made = folder.printed("keygen bob.key --json");
    assert_eq!(made, folder.printed("id --json bob.key"));
    let json: Value = serde_json::from_str(&made).unwrap();
    let bob = Identity::load(folder.path("bob.key")).unwrap();
    assert_eq!((&json["file"], &json["id"]), (&"bob.key".into(), &bob.node_id().as_str().into()));
    let hex: String =
        bob.public_key().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(json["public_key"], hex);
    assert!(!fs::read_to_string(folder.path("bob.key")).unwrap().contains(&hex));
}

#[test]
fn a_secret_is_made_and_never_shown() {
    let folder = Folder::new("secret");
    for (args, name) in [("", "mesh.secret"), ("garden", "garden"), ("--json shed", "shed")] {
        let shown = folder.printed(&format!("keygen --secret {args}"));
        let json = format!("{{\"file\":\"{name}\"}}\n");
        let text = format!("{name} is the secret of a mesh, for all of its nodes\n");
        assert_eq!(shown, if args.contains("--json") { json } else { text });
        MeshSecret::load(folder.path(name)).unwrap();
    }
    assert!(folder.refusal("keygen --secret shed", 1).contains("shed is there already"));
    let expected = "error: garden: not a private key in PKCS#8\n";
    assert_eq!(folder.refusal("id garden", 1), expected);
    folder.printed("keygen");
    let expected =
        "error: the secret of the mesh cannot be used: node.key: not the secret of a mesh\n";
    assert_eq!(folder.refusal("node --secret-file node.key --identity new.key", 1), expected);
    assert!(!folder.path("new.key").exists(), "a key was made for no node");
}

#[test]
fn what_is_there_is_never_replaced() {
    let folder = Folder::new("there");
    folder.printed("keygen alice.key");
    let id = id_in(&folder.path("alice.key"));
    let expected = "error: alice.key is there already, and what is there is never replaced\n";
    assert_eq!(folder.refusal("keygen alice.key", 1), expected);
    assert_eq!(id_in(&folder.path("alice.key")), id);
    fs::write(folder.path("notes"), "not to be lost").unwrap();
    folder.refusal("keygen notes", 1);
    assert_eq!(fs::read_to_string(folder.path("notes")).unwrap(), "not to be lost");
}

#[cfg(unix)]
#[test]
fn a_file_is_its_owners_alone_or_refused() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new("owner");
    folder.printed("keygen");
    let path = folder.path("node.key");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let open = "node.key: others may read or change this file; chmod 600 it\n";
    assert_eq!(folder.refusal("id node.key", 1), format!("error: {open}"));
    let expected = format!("error: the node's key cannot be used: {open}");
    assert_eq!(folder.refusal("node --identity node.key", 1), expected);
}

#[test]
fn what_is_no_key_is_told_in_a_line() {
    let folder = Folder::new("damaged");
    folder.printed("keygen");
    let path = folder.path("node.key");
    let pem = fs::read_to_string(&path).unwrap();
    fs::write(&path, &pem[..80]).unwrap();
    let expected = "error: node.key: not a PEM text\n";
    assert_eq!(folder.refusal("id node.key", 1), expected);
    fs::write(&path, b"\xff\xfe").unwrap();
    assert!(folder.refusal("id node.key", 1).starts_with("error: node.key: "));
    for (args, start) in [
        ("id nowhere.key", "error: nowhere.key: No such file"),
        ("keygen nowhere/key", "error: nowhere/key: No such file"),
        ("id .", "error: .: "),
    ] {
        let shown = folder.refusal(args, 1);
        assert!(shown.starts_with(start) && shown.lines().count() == 1, "{shown}");
    }
    for (args, expected) in [
        ("id", "FILE is missing: the file of a key"),
        ("id a b", "unexpected argument `b`; try `rs2p id --help`"),
        ("keygen --jsn", "unknown option `--jsn`; did you mean `--json`?"),
        ("kegyen", "unknown command `kegyen`; did you mean `keygen`?"),
    ] {
        assert_eq!(folder.refusal(args, 2), format!("error: {expected}\n"));
    }
}

//! Reads the sources and fails where they break the plan of the house: who may import whom, what
//! a pure room may not name, and what no file may hold. CONTRIBUTING.md has the plan in words.
//!
//! The checker works on tokens, not on types. It is after slips, not after somebody who hides an
//! import behind a macro. Unit tests inside a file obey the same rules as the file.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing it cannot read")]

mod self_check;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::{Name, for_each_name, is_word};

/// A room of the library: what it may import, and whether it is pure, which is to say a function
/// of its inputs, without sockets, threads, clocks, files or entropy of its own.
struct Room {
    name: &'static str,
    may_import: &'static [&'static str],
    is_pure: bool,
}

const fn pure(name: &'static str, may_import: &'static [&'static str]) -> Room {
    Room { name, may_import, is_pure: true }
}

const fn edge(name: &'static str, may_import: &'static [&'static str]) -> Room {
    Room { name, may_import, is_pure: false }
}

/// The plan. `lib.rs` and the binary under `src/bin` are no rooms.
const ROOMS: [Room; 24] = [
    pure("time", &[]),
    pure("conn_id", &[]),
    pure("sorted_map", &[]),
    pure("rsa", &[]),
    pure("wire", &["time"]),
    pure("identity", &["wire"]),
    pure("signature", &["wire", "identity"]),
    pure("secret", &[]),
    pure("session", &["wire", "time", "rsa", "identity"]),
    pure("error", &["wire", "time", "session", "conn_id"]),
    pure("event", &["wire", "time", "error", "conn_id"]),
    pure(
        "node",
        &[
            "wire",
            "session",
            "rsa",
            "identity",
            "secret",
            "signature",
            "event",
            "error",
            "time",
            "conn_id",
            "sorted_map",
        ],
    ),
    pure("record", &["node", "wire", "time", "event", "error", "conn_id"]),
    pure(
        "sim",
        &[
            "node", "record", "session", "rsa", "identity", "wire", "time", "event", "error",
            "conn_id",
        ],
    ),
    edge("keystore", &["identity", "secret"]),
    edge("book_file", &["node"]),
    edge(
        "driver",
        &["node", "record", "rsa", "time", "event", "error", "wire", "conn_id", "sorted_map"],
    ),
    edge("message", &["driver", "event", "error", "wire"]),
    edge("status", &["event", "wire"]),
    edge("tools", &["driver", "error", "wire"]),
    edge(
        "socket",
        &["driver", "node", "event", "error", "wire", "time", "message", "status", "tools"],
    ),
    edge("builder", &["socket", "driver", "node", "identity", "secret", "error", "wire"]),
    edge("rsa_socket", &["session", "rsa"]),
    edge("py2p", &[]),
];

/// The files that read a clock.
const CLOCKS: [&str; 2] = ["src/driver/clock.rs", "src/rsa_socket/deadline.rs"];
/// The file of a pure room that asks the system for entropy: for callers, never for the room.
const ENTROPY: &str = "src/rsa/entropy.rs";
const MAX_LINES: usize = 600;
const MIN_ROOM_DOC_LINES: usize = 3;
/// Files that may be longer, each with its reason.
const LONG_FILES: [(&str, &str); 0] = [];

#[test]
fn the_sources_are_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut seen = Vec::new();
    for file in ["src", "tests"].iter().flat_map(|folder| rust_files(&root.join(folder))) {
        let path = file.strip_prefix(root).unwrap().display().to_string().replace('\\', "/");
        found.extend(findings(&path, &fs::read_to_string(&file).unwrap()));
        seen.push(path);
    }
    assert!(seen.iter().any(|path| path == "src/lib.rs"), "looked in the wrong place: {seen:?}");
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let mut files: Vec<_> = files.into_iter().filter(is_rust).collect();
    files.extend(folders.iter().flat_map(|folder| rust_files(folder)));
    files.sort();
    files
}

/// What breaks the rules in one file, as `path:line: rule`. `path` starts at the project's root.
fn findings(path: &str, text: &str) -> Vec<String> {
    let mut found = file_findings(path, text);
    let Some(inside) = path.strip_prefix("src/") else { return found };
    let room = inside.split(['/', '.']).next().unwrap_or_default();
    for_each_name(text, |name| {
        let rules = match (room, ROOMS.iter().find(|plan| plan.name == room)) {
            ("bin", _) => vec![binary_finding(name)],
            ("lib", _) => vec![library_finding(path, name)],
            (_, Some(plan)) => vec![
                library_finding(path, name),
                import_finding(plan, module_depth(inside), name),
                (plan.is_pure && path != ENTROPY).then(|| impurity(name)).flatten(),
            ],
            (_, None) => vec![],
        };
        let line = name.line;
        found.extend(rules.into_iter().flatten().map(|rule| format!("{path}:{line}: {rule}")));
    });
    if !["bin", "lib"].contains(&room) && ROOMS.iter().all(|plan| plan.name != room) {
        found.push(format!("{path}:1: room `{room}` is not on the plan"));
    }
    if room != "bin" {
        let marks = ["TODO", "FIXME", "XXX"];
        for (index, line) in text.lines().enumerate() {
            let mut words = line.split(|c: char| !is_word(c));
            if let Some(mark) = words.find(|word| marks.contains(word)) {
                found.push(format!("{path}:{}: {mark}: open points are issues", index + 1));
            }
        }
    }
    found
}

fn file_findings(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let head = text.lines().take_while(|line| line.starts_with("//!")).count();
    let lines = text.lines().count();
    if head == 0 {
        found.push(format!("{path}:1: the file does not open with a `//!` doc"));
    } else if path.ends_with("/mod.rs") && head < MIN_ROOM_DOC_LINES {
        found.push(format!("{path}:1: the `//!` doc has less than {MIN_ROOM_DOC_LINES} lines"));
    }
    if lines > MAX_LINES && LONG_FILES.iter().all(|(long, _)| *long != path) {
        found.push(format!("{path}:{lines}: the file is longer than {MAX_LINES} lines"));
    }
    found
}

fn import_finding(room: &Room, file_depth: usize, name: &Name<'_>) -> Option<String> {
    let own = room.name;
    match name.segments.as_slice() {
        // `pub(crate)` and `pub(super)` let others in; they import nothing.
        ["crate" | "super"] if name.before == "(" => None,
        ["crate", other, ..] if *other == own || room.may_import.contains(other) => None,
        ["crate", other, ..] => Some(match room.may_import {
            [] => format!("room `{own}` imports `{other}`; it may import nothing of ours"),
            may => format!("room `{own}` imports `{other}`; it may import {}", may.join(", ")),
        }),
        ["crate"] => Some(format!("room `{own}` names the whole crate")),
        segments => {
            let climb = segments.iter().skip_while(|word| **word == "self");
            let climb = climb.take_while(|word| **word == "super").count();
            (climb > 0 && climb >= file_depth + name.inline_depth)
                .then(|| format!("`super` climbs out of room `{own}`"))
        }
    }
}

/// What a pure room may not name.
fn impurity(name: &Name<'_>) -> Option<String> {
    const SOURCES: [&str; 8] = [
        "SysRng",
        "OsRng",
        "ThreadRng",
        "thread_rng",
        "make_rng",
        "from_os_rng",
        "getrandom",
        "RandomState",
    ];
    let what = match name.segments.as_slice() {
        ["std" | "core", "time", "Duration", ..] => None,
        ["std" | "core", "net", "IpAddr" | "Ipv4Addr" | "Ipv6Addr" | "AddrParseError", ..] => None,
        ["std" | "core", "net", address, ..] if address.starts_with("SocketAddr") => None,
        ["std" | "core", "net" | "time", ..] => Some("sockets and clocks"),
        ["std", "thread" | "fs" | "env" | "process" | "os", ..] => Some("the operating system"),
        [.., "io", "stdin" | "stdout" | "stderr"] => Some("the console"),
        ["std"] | ["std", "self" | "*"] => Some("the whole standard library"),
        // The forms that take a generator are for pure rooms, these for everybody else.
        ["crate", "rsa", "newkeys" | "encrypt" | "decrypt" | "sign" | "system_seed", ..] => {
            Some("entropy")
        }
        ["mio", _, ..] => Some("the poller"),
        ["mio"] if ["use", "crate"].contains(&name.before) => Some("the poller"),
        ["rand", "rng" | "random" | "prelude" | "*", ..] => Some("entropy"),
        ["rand", random, ..] if random.starts_with("random_") => Some("entropy"),
        segments if segments.iter().any(|word| SOURCES.contains(word)) => Some("entropy"),
        _ => None,
    };
    what.map(|what| format!("a pure room names {what}: `{}`", name.segments.join("::")))
}

/// What no file of the library may hold.
fn library_finding(path: &str, name: &Name<'_>) -> Option<String> {
    let last = *name.segments.last()?;
    let of = name.segments.iter().rev().nth(1);
    let is_clock = last == "now" && matches!(of, Some(&("Instant" | "SystemTime")))
        || last == "elapsed" && name.before == "." && name.after == "(";
    if is_clock && !CLOCKS.contains(&path) {
        return Some(format!("only {} read a clock", CLOCKS.join(" and ")));
    }
    match (name.before, last, name.after) {
        (_, "print" | "println" | "eprint" | "eprintln" | "dbg", "!") => {
            Some(format!("the library prints: `{last}!`"))
        }
        (_, "unsafe", _) => Some("`unsafe`".into()),
        ("[" | ",", "allow", "(") => Some("`allow` of a lint: use `expect` with a reason".into()),
        _ => misplaced_file(name),
    }
}

/// The binary is a crate of its own: it reaches the library as `rs2p::`, as every user does.
fn binary_finding(name: &Name<'_>) -> Option<String> {
    match name.segments.as_slice() {
        ["crate", room, ..] if ROOMS.iter().any(|plan| plan.name == *room) => {
            Some(format!("the binary names room `{room}` as its own; it may use only `rs2p::`"))
        }
        _ => misplaced_file(name),
    }
}

/// With these a file could stand in another room than its path says.
fn misplaced_file(name: &Name<'_>) -> Option<String> {
    let is_misplaced = matches!(
        (name.before, name.segments.last(), name.after),
        ("[", Some(&"path"), "=") | (_, Some(&"include"), "!")
    );
    is_misplaced.then(|| "a module's file is where its name says".into())
}

/// How deep a file's module is below the crate's root: 1 for `wire/mod.rs`, 2 for `wire/id.rs`.
fn module_depth(inside: &str) -> usize {
    inside.trim_end_matches("/mod.rs").split('/').count()
}

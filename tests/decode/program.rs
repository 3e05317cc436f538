//! Runs the program.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Runs `rs2p` with these arguments and this standard input.
pub(crate) fn rs2p(args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rs2p"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The program answers while it reads, so somebody must listen meanwhile.
    std::thread::scope(|scope| {
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    })
}

/// Runs `rs2p` where it must succeed, and returns what it prints.
pub(crate) fn printed(args: &[&str], input: &[u8]) -> Vec<u8> {
    let output = rs2p(args, input);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    assert_eq!(text(&output.stderr), "", "{args:?}");
    output.stdout
}

/// Takes a stream apart, every frame of which must be good.
pub(crate) fn decoded(stream: &[u8]) -> Vec<Value> {
    objects(&printed(&["decode", "--raw", "--json"], stream))
}

pub(crate) fn objects(lines: &[u8]) -> Vec<Value> {
    text(lines).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks_exact(2);
    pairs.map(|pair| u8::from_str_radix(text(pair), 16).unwrap()).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! A running `rs2p node`, whose lines are waited for and never slept for.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Far above what anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// All lines so far.
    pub(crate) shown: String,
}

impl Running {
    pub(crate) fn start(args: &str) -> Self {
        let mut node = Self::spawn(args, Stdio::inherit());
        let stdout = BufReader::new(node.child.stdout.take().unwrap());
        let (sender, lines) = channel();
        node.lines = lines;
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        node
    }

    /// One whose output is a pipe that nobody reads, but for single bytes.
    #[cfg(unix)]
    pub(crate) fn unread(args: &str) -> Self {
        Self::spawn(args, Stdio::piped())
    }

    fn spawn(args: &str, stderr: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rs2p"))
            .arg("node")
            .args(args.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        Self { child, stdin, lines: channel().1, shown: String::new() }
    }

    /// The next byte of an output that is not read otherwise.
    #[cfg(unix)]
    pub(crate) fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.child.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
        byte[0]
    }

    /// What it complains of, once it has ended.
    #[cfg(unix)]
    pub(crate) fn complaint(&mut self) -> String {
        let mut stderr = self.child.stderr.take().unwrap();
        let (sender, complaint) = channel();
        thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            drop(sender.send(text));
        });
        complaint.recv_timeout(PATIENCE).unwrap()
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    pub(crate) fn say(&mut self, line: &str) {
        self.write(format!("{line}\n").as_bytes());
    }

    pub(crate) fn next(&mut self) -> String {
        let line = self.lines.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|error| panic!("{error} after\n{}", self.shown));
        self.shown.push_str(&line);
        self.shown.push('\n');
        line
    }

    /// Waits for a line that holds this.
    pub(crate) fn until(&mut self, part: &str) -> String {
        loop {
            let line = self.next();
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Where a chat says that it listens.
    pub(crate) fn addr(&mut self) -> String {
        let line = self.until(" listens at ");
        line.split([' ', ',']).nth(4).unwrap().to_owned()
    }

    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Sends a signal, as `kill` does.
    #[cfg(unix)]
    pub(crate) fn kill(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Reads what is left, and waits for the end of the process.
    pub(crate) fn end(&mut self) -> ExitStatus {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.shown.push_str(&(line + "\n")),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(error) => panic!("{error} after\n{}", self.shown),
            }
        }
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Either call fails only if the process has ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a run prints that reads these bytes, with its exit code.
pub(crate) fn output(args: &str, input: &[u8]) -> (String, String, Option<i32>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rs2p"))
        .args(args.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let (mut shown, mut complaint) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut shown).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    writer.join().unwrap();
    (shown, complaint, child.wait().unwrap().code())
}

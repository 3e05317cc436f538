//! A node in a process of its own, so that what it costs can be told from what its attackers cost,
//! and its limits are not theirs.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rs2p::{Config, MeshSocket};

use super::{PATIENCE, builder};

/// What starts a line that is meant for the test.
const MARK: &str = "victim ";

/// The node itself: answers each whisper with the same packets, and obeys the lines it reads.
/// Without the variable, as in a run of all tests, there is nothing to do.
#[test]
#[ignore = "other tests start it"]
fn victim() {
    if std::env::var_os("RS2P_VICTIM").is_none() {
        return;
    }
    let many = |config: &mut Config| config.limits.max_incoming = 150;
    let mesh = builder().max_outgoing(0).configure(many).bind("127.0.0.1:0").unwrap();
    say(&mesh.local_addr().to_string());
    let echo = mesh.clone();
    thread::spawn(move || {
        for message in echo.messages() {
            if message.is_whisper() && message.neighbor() == message.sender() {
                let _ = message.reply(&message.contents().collect::<Vec<_>>());
            }
        }
    });
    let mut files = Vec::new();
    for line in std::io::stdin().lines().map_while(Result::ok) {
        match line.as_str() {
            // As a program does that has other things open than connections.
            "exhaust" => {
                files.extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
                say(&files.len().to_string());
            }
            "free" => {
                files.clear();
                say("free");
            }
            "flood" => flood(mesh.clone()),
            "stats" => say(&format!("{:?}", mesh.stats()).replace('\n', " ")),
            _ => return,
        }
    }
}

/// Five seconds of two and a half megabytes each.
fn flood(mesh: MeshSocket) {
    thread::spawn(move || {
        let (_never, pace) = channel::<()>();
        for _ in 0..250 {
            let _ = mesh.send(&[vec![7; 50_000]]);
            let _ = pace.recv_timeout(Duration::from_millis(20));
        }
        say("flooded");
    });
}

#[expect(clippy::print_stdout, reason = "the test reads it")]
fn say(text: &str) {
    println!("\n{MARK}{text}");
}

/// A victim that runs.
pub(crate) struct Victim {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    pub(crate) addr: SocketAddr,
}

impl Victim {
    /// Starts one that may have so many open files.
    pub(crate) fn start(files: usize) -> Self {
        Self::with_stderr(files, Stdio::inherit())
    }

    pub(crate) fn with_stderr(files: usize, stderr: Stdio) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", r#"ulimit -n "$0"; exec "$@""#])
            .arg(files.to_string())
            .arg(std::env::current_exe().unwrap())
            .args(["victim::victim", "--exact", "--ignored", "--nocapture"])
            .env("RS2P_VICTIM", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Some(text) = line.strip_prefix(MARK) {
                    let _ = sender.send(text.to_owned());
                }
            }
        });
        let stdin = child.stdin.take().unwrap();
        let addr = lines.recv_timeout(PATIENCE).unwrap().parse().unwrap();
        Self { child, stdin, lines, addr }
    }

    pub(crate) fn tell(&mut self, word: &str) {
        writeln!(self.stdin, "{word}").unwrap();
    }

    pub(crate) fn ask(&mut self, word: &str) -> String {
        self.tell(word);
        self.hear()
    }

    pub(crate) fn hear(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    /// A counter of its node.
    pub(crate) fn count(&mut self, name: &str) -> u64 {
        let stats = self.ask("stats");
        let (_, rest) = stats.split_once(&format!(" {name}: ")).unwrap();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    }

    /// The bytes of memory that are resident.
    pub(crate) fn resident(&self) -> usize {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        // Pages of 4 KiB; where they are larger this says too little.
        statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 12
    }

    /// The processor time so far, in ticks: a hundred make a second on every Linux.
    pub(crate) fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The name in parentheses may hold anything; utime and stime are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let fields = fields.split_whitespace().skip(11).take(2);
        fields.map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    /// How many descriptors it has.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // Either call fails only if the process has ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

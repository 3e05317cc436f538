//! The examples, run as a user runs them: each shows what its head says, but for the ids and ports
//! that are others each time.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use std::{env, fs, thread};

const PATIENCE: Duration = Duration::from_secs(60);

/// The program of an example, which `cargo test` puts beside the tests.
fn program(name: &str) -> PathBuf {
    let tests = env::current_exe().unwrap();
    let profile = tests.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    let changed = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.rs"));
    assert!(
        changed(&program) >= changed(&source),
        "{} is older than its source: `cargo build --examples` builds it",
        program.display()
    );
    program
}

fn run(name: &str, args: &[&str]) -> Output {
    Command::new(program(name)).args(args).stdin(Stdio::null()).output().unwrap()
}

/// The texts that the head of an example says are shown, one for each terminal.
fn said(name: &str) -> Vec<Vec<String>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.rs"));
    let source = fs::read_to_string(source).unwrap();
    let head: Vec<&str> =
        source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let blocks = head.split(|line| line.starts_with("```")).skip(1).step_by(2);
    blocks.map(|block| block.iter().map(|line| (*line).to_owned()).collect()).collect()
}

/// The same text with a name for each id and address, by the order in which they come. An id is the
/// word behind one of `before`.
fn nameless(terminals: &[Vec<String>], before: &[&str]) -> Vec<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for line in terminals.iter().flatten() {
        let ids = before.iter().filter_map(|before| line.strip_prefix(before));
        let ids = ids.filter_map(|rest| rest.split([' ', '.', ':']).next());
        let addresses = line.split(' ').filter(|word| word.starts_with("127.0.0.1:"));
        for found in ids.chain(addresses) {
            if !names.iter().any(|name| name == found) {
                names.push(found.to_owned());
            }
        }
    }
    let rename = |line: &String| {
        let names = names.iter().enumerate();
        names.fold(line.clone(), |line, (index, name)| line.replace(name, &format!("<{index}>")))
    };
    terminals.iter().map(|lines| lines.iter().map(rename).collect()).collect()
}

/// A terminal with an example in it.
struct Terminal {
    child: Child,
    keyboard: Option<ChildStdin>,
    screen: Receiver<String>,
    shown: Vec<String>,
}

impl Terminal {
    fn open(name: &str, args: &[&str]) -> Self {
        let mut child = Command::new(program(name))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, screen) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().try_for_each(|line| sender.send(line.unwrap())));
        let keyboard = child.stdin.take();
        Self { child, keyboard, screen, shown: Vec::new() }
    }

    /// The next line on the screen.
    fn line(&mut self) -> String {
        let line = self.screen.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|error| panic!("{error} after {:?}", self.shown));
        self.shown.push(line.clone());
        line
    }

    /// A terminal shows what is typed, too.
    fn type_line(&mut self, line: &str) {
        writeln!(self.keyboard.as_mut().unwrap(), "{line}").unwrap();
        self.shown.push(line.to_owned());
    }

    /// Ctrl-D: the program ends in good order.
    fn end_input(&mut self) {
        drop(self.keyboard.take());
        assert!(self.child.wait().unwrap().success());
        self.shown.extend(self.screen.iter());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The address in a line.
fn address(line: &str) -> &str {
    line.split(' ').find(|word| word.starts_with("127.0.0.1:")).unwrap()
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn hello_shows_what_its_head_says() {
    assert_eq!([lines(&run("hello", &[]))], *said("hello"));
}

#[test]
fn chat_shows_what_its_head_says_in_two_terminals() {
    let mut first = Terminal::open("chat", &[]);
    let invitation = first.line();
    let mut second = Terminal::open("chat", &[address(&invitation)]);
    second.line();
    second.line();
    first.line();
    second.type_line("hello, chat");
    first.line();
    first.type_line("and hello to you");
    second.line();
    second.end_input();
    first.line();
    first.end_input();
    let shown = [first.shown.split_off(0), second.shown.split_off(0)];
    assert_eq!(nameless(&shown, &["You are "]), nameless(&said("chat"), &["You are "]));
}

#[test]
fn echo_shows_what_its_head_says_in_two_terminals() {
    let mut service = Terminal::open("echo", &[]);
    let invitation = service.line();
    let client = run("echo", &[address(&invitation), "who", "is", "there?"]);
    service.line();
    let shown = [service.shown.split_off(0), lines(&client)];
    // The client's id is the first word of the service's second line.
    let before = ["The echo ", ""];
    let said = said("echo");
    assert_eq!(nameless(&shown, &before[..1]).len(), said.len());
    assert_eq!(nameless(&shown, &before), nameless(&said, &before));
}

#[test]
fn whoever_cannot_be_reached_is_told_of_in_one_line() {
    for name in ["chat", "echo"] {
        let output = run(name, &["nowhere"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.starts_with(&format!("{name}: ")) && told.lines().count() == 1, "{told}");
    }
}

//! The chat on a terminal: keys, a line that is not disturbed, and a terminal given back.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rs2p::MeshSocket;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

const PATIENCE: Duration = Duration::from_secs(30);

/// A chat on a terminal of its own, whose other end is here.
struct Typist {
    child: Child,
    keys: File,
    /// The terminal's end, held open so that its state can be seen when the chat has gone.
    terminal: OwnedFd,
    pieces: Receiver<Vec<u8>>,
    shown: String,
}

impl Typist {
    fn start(variables: &[(&str, &str)]) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let open = || {
            // Not as the controlling terminal of the tests.
            let flags = i32::try_from(OpenptFlags::NOCTTY.bits()).unwrap();
            let mut options = File::options();
            let options = options.read(true).write(true);
            OwnedFd::from(
                std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags)
                    .open(&name)
                    .unwrap(),
            )
        };
        let child = Command::new(env!("CARGO_BIN_EXE_rs2p"))
            .args(["node", "--max-outgoing", "0"])
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .envs(variables.iter().copied())
            .stdin(open())
            .stdout(open())
            .spawn()
            .unwrap();
        let keys = File::from(ours);
        let mut screen = keys.try_clone().unwrap();
        let (sender, pieces) = channel();
        thread::spawn(move || {
            let mut piece = [0; 4_096];
            while let Ok(len) = screen.read(&mut piece) {
                if len == 0 || sender.send(piece[..len].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, terminal: open(), pieces, shown: String::new() }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen was sent this; returns what came up to there.
    fn until(&mut self, part: &str) -> String {
        loop {
            if let Some(at) = self.shown.find(part) {
                let rest = self.shown.split_off(at + part.len());
                return std::mem::replace(&mut self.shown, rest);
            }
            let piece = self.pieces.recv_timeout(PATIENCE);
            let piece =
                piece.unwrap_or_else(|error| panic!("no {part:?}: {error}, {:?}", self.shown));
            self.shown.push_str(&String::from_utf8(piece).unwrap());
        }
    }

    fn has_echo(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    fn join(&mut self) -> MeshSocket {
        let builder = MeshSocket::builder().max_outgoing(0);
        let node = builder.bind("127.0.0.1:0").unwrap();
        self.until(" listens at ");
        let addr = self.until(",");
        self.until("\r\x1b[K> ");
        node.connect(addr.trim_end_matches(',')).unwrap();
        self.until("is a neighbor now");
        node
    }

    fn end(&mut self) -> ExitStatus {
        self.until("left the mesh; everything was sent\r\n");
        self.child.wait().unwrap()
    }
}

impl Drop for Typist {
    fn drop(&mut self) {
        // Either call fails only if the process has ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn said(node: &MeshSocket) -> String {
    let message = node.recv_timeout(PATIENCE).unwrap().unwrap();
    String::from_utf8(message.contents().collect::<Vec<_>>().join(&b' ')).unwrap()
}

#[test]
fn a_message_does_not_disturb_the_line_that_is_typed() {
    let mut chat = Typist::start(&[]);
    let node = chat.join();
    chat.press("half a li");
    chat.until("> half a li\r");
    node.send(&["in between"]).unwrap();
    let above = chat.until("in between\r\n");
    assert!(above.contains("\r\x1b[K\x1b[2m#1\x1b[0m \x1b[1;36m"), "{above:?}");
    chat.until("\r\x1b[K> half a li\r\x1b[11C");
    chat.press("ne\r");
    assert_eq!(said(&node), "half a line");
    chat.press("\x1b[A\x7f!\r");
    assert_eq!(said(&node), "half a lin!");
    // What comes in one piece, as it is pasted, is as many lines as it has.
    chat.press("größe 日本\rtwo\r");
    assert_eq!([said(&node), said(&node)], ["größe 日本", "two"]);
    chat.press("\x04");
    assert!(chat.end().success());
}

#[test]
fn the_terminal_is_given_back_however_the_chat_ends() {
    // Ctrl-C is a signal that the terminal makes, of the process that it controls.
    for end in ["\x04", "/quit\r", "-INT", "-TERM"] {
        let mut chat = Typist::start(&[]);
        chat.until("\r\x1b[K> ");
        assert!(!chat.has_echo());
        let pid = chat.child.id().to_string();
        match end {
            "-INT" | "-TERM" => drop(Command::new("kill").args([end, &pid]).status().unwrap()),
            keys => chat.press(keys),
        }
        assert!(chat.end().success(), "{end:?}");
        assert!(chat.has_echo(), "{end:?}");
    }
}

#[test]
fn no_color_is_obeyed_and_a_dumb_terminal_gets_plain_lines() {
    for (variable, has_prompt) in [(("NO_COLOR", "1"), true), (("TERM", "dumb"), false)] {
        let mut chat = Typist::start(&[variable]);
        let greeting = chat.until("/help for more\r\n");
        chat.press("/peers\r");
        let shown = greeting + &chat.until("nobody is connected; see /connect\r\n");
        assert_eq!(shown.contains("\x1b[K> "), has_prompt, "{shown:?}");
        assert!(!shown.contains("\x1b[2m"), "{shown:?}");
        assert_eq!(shown.contains('\x1b'), has_prompt, "{shown:?}");
        chat.press("/quit\r");
        assert!(chat.end().success());
    }
}

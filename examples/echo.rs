//! A service that answers each whisper with the same words, and a client of it.
//!
//! Run `cargo run --example echo` in one terminal for the service, and in another the command that
//! it names, with words of your own. Ctrl-C ends the service, which shows:
//!
//! ```text
//! The echo 5GqDK2wz listens. Try: cargo run --example echo -- 127.0.0.1:45121 who is there?
//! 98RxgTdr said "who", "is", "there?"
//! ```
//!
//! The client shows:
//!
//! ```text
//! 5GqDK2wz answered "who", "is", "there?"
//! ```

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fmt};

use rs2p::{MeshSocket, Message};

/// How long the client waits for its answer.
const PATIENCE: Duration = Duration::from_secs(10);

#[expect(clippy::print_stderr, reason = "that is where errors go")]
fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let outcome = match args.next() {
        None => serve(),
        Some(service) => ask(&service, &args.collect::<Vec<_>>()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn serve() -> Result<(), Box<dyn Error>> {
    let mesh = node()?;
    let (id, addr) = (mesh.id(), mesh.local_addr());
    println!(
        "The echo {} listens. Try: cargo run --example echo -- {addr} who is there?",
        id.short()
    );
    for message in mesh.messages().filter(Message::is_whisper) {
        println!("{} said {}", message.sender().short(), Words(&message));
        let words: Vec<&[u8]> = message.contents().collect();
        // A client that is gone again needs no answer.
        if let Err(error) = message.reply(&words) {
            println!("{} got no answer: {error}", message.sender().short());
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn ask(service: &str, words: &[String]) -> Result<(), Box<dyn Error>> {
    let mesh = node()?;
    let id = mesh.connect(service)?;
    mesh.whisper(&id, words)?;
    match mesh.recv_timeout(PATIENCE)? {
        Some(answer) => println!("{} answered {}", answer.sender().short(), Words(&answer)),
        None => return Err("no answer".into()),
    }
    Ok(())
}

fn node() -> Result<MeshSocket, Box<dyn Error>> {
    Ok(MeshSocket::builder().bind("127.0.0.1:0")?)
}

/// Shows the packets of a message, each in quotation marks.
struct Words<'a>(&'a Message);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, packet) in self.0.contents().enumerate() {
            let gap = if index == 0 { "" } else { ", " };
            write!(f, "{gap}{:?}", String::from_utf8_lossy(packet))?;
        }
        Ok(())
    }
}

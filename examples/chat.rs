//! A tiny chat: what is typed in one terminal appears in all others.
//!
//! Run `cargo run --example chat` in one terminal, and in others the command that it names. Ctrl-D
//! leaves. This is what the first terminal shows, the line "and hello to you" being typed there:
//!
//! ```text
//! You are 7pVwQWqx. Others join by: cargo run --example chat -- 127.0.0.1:41523
//! * 4XjDkTSm is here
//! 4XjDkTSm: hello, chat
//! and hello to you
//! * 4XjDkTSm has left
//! ```
//!
//! And the second one, where "hello, chat" is typed:
//!
//! ```text
//! You are 4XjDkTSm. Others join by: cargo run --example chat -- 127.0.0.1:37935
//! * 7pVwQWqx is here
//! hello, chat
//! 7pVwQWqx: and hello to you
//! ```

use std::error::Error;
use std::process::ExitCode;
use std::{env, io, thread};

use rs2p::{CloseReason, Event, MeshSocket};

#[expect(clippy::print_stderr, reason = "that is where errors go")]
fn main() -> ExitCode {
    match chat(env::args().nth(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "a chat is there to be seen")]
fn chat(friend: Option<String>) -> Result<(), Box<dyn Error>> {
    let mesh = MeshSocket::builder().bind("127.0.0.1:0")?;
    let (me, addr) = (mesh.id(), mesh.local_addr());
    println!("You are {}. Others join by: cargo run --example chat -- {addr}", me.short());
    if let Some(friend) = friend {
        mesh.connect(friend)?;
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            for message in mesh.messages() {
                for line in message.contents() {
                    println!("{}: {}", message.sender().short(), printable(line));
                }
            }
        });
        scope.spawn(|| {
            for event in mesh.events() {
                match event {
                    Event::PeerJoined(peer) => println!("* {} is here", peer.id.short()),
                    // The other way round, it is this node that leaves.
                    Event::PeerLost { id, reason } if reason != CloseReason::Local => {
                        println!("* {} has left", id.short());
                    }
                    _ => {}
                }
            }
        });
        let spoken = speak(&mesh);
        // Both threads end with it.
        mesh.close();
        spoken
    })
}

/// Sends each line that is typed, until there are no more.
fn speak(mesh: &MeshSocket) -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lines() {
        mesh.send(&[line?])?;
    }
    Ok(())
}

/// What others send is shown, never obeyed: control characters could change the terminal.
fn printable(line: &[u8]) -> String {
    String::from_utf8_lossy(line).chars().filter(|character| !character.is_control()).collect()
}

//! The smallest mesh: two nodes in one process, and a word from one to the other and back.
//!
//! Run `cargo run --example hello`. It prints:
//!
//! ```text
//! alice got "hello", "mesh"
//! bob got "hello", "bob", for him alone
//! ```

use std::error::Error;

use rs2p::{MeshSocket, Message};

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<(), Box<dyn Error>> {
    let alice = MeshSocket::builder().bind("127.0.0.1:0")?;
    let bob = MeshSocket::builder().bind("127.0.0.1:0")?;
    bob.connect(alice.local_addr())?;

    bob.send(&["hello", "mesh"])?;
    let message = alice.recv()?;
    println!("alice got {}", shown(&message));

    message.reply(&["hello", "bob"])?;
    let reply = bob.recv()?;
    println!(
        "bob got {}{}",
        shown(&reply),
        if reply.is_whisper() { ", for him alone" } else { "" }
    );
    Ok(())
}

/// Packets are bytes; these are text.
fn shown(message: &Message) -> String {
    let packets = message.contents().map(|packet| format!("{:?}", String::from_utf8_lossy(packet)));
    packets.collect::<Vec<_>>().join(", ")
}

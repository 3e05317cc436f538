//! What came out of a node, in words: equal outputs have equal texts.

use crate::event::Event;
use crate::node::{CloseMode, Output};

/// An output in a line. Bytes stand for themselves as their number and a hash; in a redacted record
/// they do not, because they are others than in the run that is replayed.
pub(crate) fn output_text(output: &Output, is_redacted: bool) -> String {
    match output {
        Output::Dial { conn, addr } => format!("{conn} dial {addr}"),
        Output::Transmit { conn, .. } if is_redacted => format!("{conn} out"),
        Output::Transmit { conn, data } => {
            format!("{conn} out {}b {:016x}", data.len(), hash_of(data))
        }
        Output::PauseRead { conn } => format!("{conn} pause"),
        Output::ResumeRead { conn } => format!("{conn} resume"),
        Output::HoldRead { conn } => format!("{conn} hold"),
        Output::ReleaseRead { conn } => format!("{conn} release"),
        #[cfg(feature = "rsa")]
        Output::MakeRsaKey => "make_rsa_key".to_owned(),
        Output::Close { conn, mode: CloseMode::Flush } => format!("{conn} close"),
        Output::Close { conn, mode: CloseMode::Abort } => format!("{conn} abort"),
        Output::Event(Event::Message(delivery)) if !is_redacted => {
            let hash = hash_of(delivery.message.packets().body());
            format!("{} {hash:016x}", event_text(&Event::Message(delivery.clone())))
        }
        Output::Event(event) => event_text(event),
    }
}

/// An event in a line, without its payload.
pub(crate) fn event_text(event: &Event) -> String {
    match event {
        Event::Message(delivery) => {
            let len = delivery.message.packets().body().len();
            format!("event message from={} <{len}b>", delivery.sender.short())
        }
        Event::PeerJoined(info) => format!("event joined {} {}", info.id.short(), info.conn),
        Event::PeerLost { id, reason } => format!("event lost {}: {reason}", id.short()),
        Event::Dialed { conn, id } => format!("event dialed {} {conn}", id.short()),
        Event::DialFailed { conn, reason, .. } => format!("event dial failed {conn}: {reason}"),
        Event::LocateDone { request_id, outcome } => {
            format!("event located {request_id}: {outcome:?}")
        }
        Event::WhisperDone { request_id, outcome } => {
            format!("event whispered {request_id}: {outcome:?}")
        }
        // No node tells this: its loop does, where there is one.
        Event::LoopHeldUp { took } => format!("event held up {took:?}"),
        Event::ClockSuspect { ahead_secs } => format!("event clock suspect {ahead_secs}"),
    }
}

/// Whether a text is that of an output.
pub(super) fn is_output(text: &str) -> bool {
    if text.starts_with("event ") || text == "make_rsa_key" {
        return true;
    }
    let rest = text.strip_prefix('c').and_then(|text| text.split_once(' '));
    rest.is_some_and(|(conn, rest)| {
        let verb = rest.split(' ').next().unwrap_or_default();
        let verbs = ["dial", "out", "pause", "resume", "hold", "release", "close", "abort"];
        conn.bytes().all(|digit| digit.is_ascii_digit()) && verbs.contains(&verb)
    })
}

/// The same on every machine.
pub(super) fn hash_of(data: &[u8]) -> u64 {
    use std::hash::Hasher;

    let mut hasher = siphasher::sip::SipHasher13::new();
    hasher.write(data);
    hasher.finish()
}

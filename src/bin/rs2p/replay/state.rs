//! What a node knows at an instant.

use rs2p::Direction;
use rs2p::node::ConnectionView;
use rs2p::record::Replay;
use serde_json::{Value, json};

use crate::console::{Console, Tone, count, grouped};

/// Everything about a node that can be shown; nothing where it cannot be had.
#[derive(Debug)]
pub(super) struct State<'a> {
    replay: &'a Replay,
}

impl<'a> State<'a> {
    pub(super) fn of(replay: &'a Replay) -> Self {
        Self { replay }
    }

    pub(super) fn show(&self, console: &Console) {
        let Some(node) = self.replay.node() else { return };
        let now = self.replay.now();
        let what = format_args!(
            "{} at {now}, {}",
            node.id(),
            self.replay.protocol().subnet().escape_debug()
        );
        console.labelled(Tone::Plain, "node", what);
        for view in node.connection_views() {
            console.labelled(Tone::Plain, "connection", text_of(&view));
        }
        for (at, what) in node.timer_views() {
            let left = at.since(now);
            console.labelled(Tone::Plain, "timer", format_args!("{what} in {left:.3?}"));
        }
        // Those that are not zero: there are many, and most are.
        for (name, number) in node.usage().counts().into_iter().filter(|(_, it)| *it > 0) {
            console.labelled(Tone::Plain, "usage", format_args!("{name} {}", grouped(number)));
        }
        for (name, number) in node.stats().counts().into_iter().filter(|(_, it)| *it > 0) {
            console.labelled(Tone::Plain, "counted", format_args!("{name} {}", grouped(number)));
        }
        for trouble in node.troubles() {
            let text = trouble.to_string();
            console.labelled(Tone::Bad, "trouble", crate::safe::shown(text.as_bytes(), 200));
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let Some(node) = self.replay.node() else { return Value::Null };
        let connections: Vec<_> = node
            .connection_views()
            .map(|view| {
                json!({
                    "conn": view.conn.number(), "addr": view.addr.to_string(),
                    "direction": direction(&view), "phase": view.phase,
                    "id": view.id.map(|id| id.to_string()), "backlog": view.backlog_len,
                    "unread": view.unread_len, "paused": view.is_paused,
                })
            })
            .collect();
        let timers: Vec<_> = node
            .timer_views()
            .map(|(at, what)| json!({ "at_ns": at.as_nanos(), "what": what }))
            .collect();
        let usage = node.usage().counts().into_iter().map(|(name, it)| (name.to_owned(), it));
        json!({
            "id": node.id().to_string(), "connections": connections, "timers": timers,
            "usage": object(usage), "stats": object(node.stats().counts()),
            "troubles": node.troubles().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }
}

fn direction(view: &ConnectionView) -> &'static str {
    match view.direction {
        Direction::Outgoing => "outgoing",
        Direction::Incoming => "incoming",
    }
}

fn text_of(view: &ConnectionView) -> String {
    let (conn, phase, addr) = (view.conn, view.phase, view.addr);
    let mut text = format!("{conn} {phase}, {} {addr}", direction(view));
    if let Some(id) = view.id {
        text.push_str(&format!(", {}", id.short()));
    }
    if view.backlog_len > 0 {
        text.push_str(&format!(", {} to send", count(view.backlog_len as u64, "byte")));
    }
    if view.unread_len > 0 {
        text.push_str(&format!(", {} unread", count(view.unread_len as u64, "byte")));
    }
    if view.is_paused {
        text.push_str(", paused");
    }
    text
}

fn object(counts: impl IntoIterator<Item = (String, u64)>) -> Value {
    counts.into_iter().map(|(name, number)| (name, Value::from(number))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rs2p::record::Replay;

    #[test]
    fn every_counter_has_a_name_of_its_own_in_json() {
        let mut replay = Replay::new();
        let seed = format!("seed {}", "00".repeat(32));
        for line in ["rs2p record 1", &seed, "0.000000ms n0 call add_seed 127.0.0.1:4444"] {
            replay.feed(line).unwrap();
        }
        let (node, json) = (replay.node().unwrap(), State::of(&replay).to_json());
        let (stats, usage) = (node.stats().counts(), node.usage().counts());
        assert_eq!(json["stats"].as_object().unwrap().len(), stats.len());
        assert_eq!(json["usage"].as_object().unwrap().len(), usage.len());
        for name in ["closed.duplicate", "dropped.duplicate", "catch_up.sent", "sent"] {
            assert_eq!(json["stats"][name], 0, "{name}");
        }
        assert_eq!(
            (&json["usage"]["seeds"], &json["usage"]["history_len"]),
            (&1.into(), &0.into())
        );
    }
}

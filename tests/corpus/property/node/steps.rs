//! The steps of a script, each a byte and its own choices behind it.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use rs2p::ConnId;
use rs2p::node::{Input, Node};
use rs2p::wire::Compressions;

use super::super::script::Script;
use super::super::upkeep;
use super::driver::{Driver, WALL};
use super::peer;

/// From what a turn takes to longer than anything waits.
const PAUSES: [Duration; 8] = [
    Duration::from_millis(1),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(11),
    Duration::from_secs(21),
    Duration::from_secs(61),
    Duration::from_secs(3_600),
];

impl Driver {
    pub(super) fn step(&mut self, script: &mut Script<'_>) {
        match script.below(32) {
            0..=1 => self.open(script),
            2..=5 => {
                let conn = self.links.choose(script.byte());
                let handshake = peer::handshake(script);
                self.receive_in_pieces(conn, &handshake, script);
            }
            6..=12 => {
                let conn = self.links.choose(script.byte());
                let message = peer::message(self, script);
                self.receive_in_pieces(conn, &message, script);
            }
            13 => {
                let conn = self.links.choose(script.byte());
                self.receive(conn, script.text());
            }
            14 => {
                let conn = self.links.choose(script.byte());
                let frame = peer::framed(script.text());
                self.receive(conn, &frame);
            }
            15..=19 => self.happen(script),
            20..=21 => self.pass_time(script),
            _ => self.ask(script),
        }
    }

    fn open(&mut self, script: &mut Script<'_>) {
        let choice = script.byte();
        let addr = peer::addr(choice >> 2);
        match choice & 3 {
            0 => {
                let _ = self.call(|node, now| node.dial(now, addr));
            }
            1 => {
                if let Ok(conn) = self.node.accept(self.now, addr) {
                    self.links.accept(conn);
                }
                self.carry_out();
            }
            2 => self.call(|node, now| node.add_seed(now, addr)),
            _ => {
                self.call(|node, _| node.remove_seed(addr));
            }
        }
    }

    /// One message, whole or in pieces, once or in a row.
    fn receive_in_pieces(&mut self, conn: ConnId, data: &[u8], script: &mut Script<'_>) {
        let choice = usize::from(script.byte());
        match choice {
            0..=127 => self.receive(conn, data),
            128..=191 => {
                let (head, tail) = data.split_at((choice - 127).min(data.len()));
                self.receive(conn, head);
                self.receive(conn, tail);
            }
            192..=223 => {
                let few = data.len() <= 1_024;
                self.receive(conn, &data.repeat(if few { choice - 190 } else { 1 }));
            }
            224..=239 => {
                data.chunks(choice - 220).take(500).for_each(|piece| self.receive(conn, piece))
            }
            // The rest never comes.
            _ => self.receive(conn, data.split_at((choice - 239).min(data.len())).0),
        }
    }

    /// What a driver reports.
    fn happen(&mut self, script: &mut Script<'_>) {
        let conn = self.links.choose(script.byte());
        let choice = script.byte();
        match choice % 8 {
            0 => self.input(Input::Connected { conn }),
            1 => self.input(Input::Ended { conn }),
            2 => self.input(Input::Closed { conn, error: None }),
            3 => self.input(Input::Closed { conn, error: Some(ErrorKind::ConnectionReset.into()) }),
            4 => self.input(Input::Continue { conn }),
            5 => {
                // A clock that somebody has set, back and forth.
                let offset = Duration::from_secs(u64::from(choice / 8) * 20);
                self.input(Input::ClockSet { wall: WALL + offset });
            }
            _ => {
                let link = self.links.find(conn);
                let unsent_len =
                    link.as_ref().map_or_else(|| usize::from(choice), |link| link.unsent_len);
                let len = if choice & 1 == 0 { unsent_len } else { unsent_len / 2 };
                if let Some(link) = link {
                    link.unsent_len -= len;
                }
                self.input(Input::Sent { conn, len });
            }
        }
    }

    fn pass_time(&mut self, script: &mut Script<'_>) {
        self.now = self.now + script.pick(&PAUSES);
        upkeep::time_out(&mut self.node, self.now);
        self.carry_out();
    }

    /// What a user asks for.
    fn ask(&mut self, script: &mut Script<'_>) {
        let choice = script.byte();
        let id = peer::id(script);
        let methods = [Compressions::NONE, Compressions::supported(), Compressions::default()];
        match choice % 16 {
            0..=2 => {
                let text = script.text();
                let _ = self.call(|node, now| node.broadcast(now, &[text]));
            }
            3 => {
                let (word, text) = (script.text(), script.text());
                let _ = self.call(|node, now| node.broadcast_as(now, word, &[text]));
            }
            4..=5 => {
                let text = script.text();
                let _ = self.call(|node, now| node.whisper(now, &id, &[text]));
            }
            6..=7 => {
                let _ = self.call(|node, now| node.locate(now, &id));
            }
            8 => {
                self.call(Node::request_peers);
            }
            9 => {
                self.call(|node, now| node.disconnect(now, &id));
            }
            10 => {
                let list = script.pick(&methods);
                let _ = self.call(|node, now| node.renegotiate(now, &id, list));
            }
            11 => {
                let _ = self.call(|node, now| node.ask_resend(now, &id));
            }
            12 => {
                let (main, text) = (script.text(), script.text());
                let _ = self.call(|node, now| node.send_raw(now, &id, main, &[text]));
            }
            13 => {
                let data = Bytes::copy_from_slice(script.text());
                self.is_raw = true;
                let _ = self.call(|node, now| node.send_bytes(now, &id, data));
                self.is_raw = false;
            }
            14 => {
                let list = script.pick(&methods);
                let _ = self.call(|node, _| node.set_compressions(&id, list));
            }
            _ if choice > 240 => self.call(Node::close),
            _ => {
                let len = if self.may_be_heavy() { script.short() * 20 } else { 0 };
                let _ = self.call(|node, now| node.broadcast(now, &[vec![choice; len]]));
            }
        }
    }
}

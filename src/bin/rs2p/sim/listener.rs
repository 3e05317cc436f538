//! The program on each simulated node: it takes note of the messages that it hears.

use std::ops::Range;

use rs2p::Event;
use rs2p::sim::{App, Context};

/// What a node has heard, over all its lives.
#[derive(Clone, Debug, Default)]
pub(super) struct Listener {
    /// A bit for each number.
    heard: Vec<u64>,
}

impl Listener {
    /// How many of these messages it has heard.
    pub(super) fn count(&self, numbers: Range<u64>) -> u64 {
        numbers.filter(|number| self.has_heard(*number)).count() as u64
    }

    fn has_heard(&self, number: u64) -> bool {
        let (index, bit) = place(number);
        self.heard.get(index).is_some_and(|bits| bits & bit != 0)
    }

    fn note(&mut self, number: u64) {
        let (index, bit) = place(number);
        if self.heard.len() <= index {
            self.heard.resize(index + 1, 0);
        }
        if let Some(bits) = self.heard.get_mut(index) {
            *bits |= bit;
        }
    }
}

impl App for Listener {
    fn on_event(&mut self, _context: &mut Context<'_>, event: Event) {
        let Event::Message(delivery) = event else { return };
        // That it is what its sender sent, the simulator has checked.
        let number = delivery.message.payload().nth(1).and_then(|packet| packet.try_into().ok());
        if let Some(number) = number {
            self.note(u64::from_be_bytes(number));
        }
    }
}

fn place(number: u64) -> (usize, u64) {
    (usize::try_from(number / 64).unwrap_or(usize::MAX), 1 << (number % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_is_counted_once() {
        let mut listener = Listener::default();
        for number in [0, 63, 64, 63, 200] {
            listener.note(number);
        }
        assert_eq!([1, 64, 65, 201].map(|end| listener.count(0..end)), [1, 2, 3, 4]);
        assert_eq!(listener.count(64..9_999), 2);
    }
}

//! What a terminal sends, read into keys.

/// The longest sequence behind an escape that is still listened to.
const MAX_SEQUENCE_LEN: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Enter,
    Backspace,
    Delete,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Up,
    Down,
    /// Removes what is behind the cursor.
    CutRight,
    /// Removes what is before the cursor.
    CutLeft,
    CutWord,
    /// Ctrl-D: deletes, or ends the input where there is nothing to delete.
    DeleteOrEnd,
}

/// Keys from bytes, which may come in any pieces.
#[derive(Debug, Default)]
pub(super) struct Keys {
    state: State,
    /// The bytes of what is not whole yet.
    part: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    Escape,
    /// Behind `ESC [` or `ESC O`.
    Sequence,
    /// Inside a character of several bytes.
    Utf8,
}

impl Keys {
    /// Takes a byte; returns the key that it completes.
    pub(super) fn push(&mut self, byte: u8) -> Option<Key> {
        match self.state {
            State::Ground => self.ground(byte),
            State::Escape => {
                self.state = State::Ground;
                match byte {
                    b'[' | b'O' => {
                        self.state = State::Sequence;
                        None
                    }
                    b'b' => Some(Key::WordLeft),
                    b'f' => Some(Key::WordRight),
                    0x7f => Some(Key::CutWord),
                    _ => None,
                }
            }
            State::Sequence if (0x40..=0x7e).contains(&byte) => {
                self.state = State::Ground;
                sequence(&std::mem::take(&mut self.part), byte)
            }
            State::Sequence => {
                if self.part.len() < MAX_SEQUENCE_LEN {
                    self.part.push(byte);
                }
                None
            }
            State::Utf8 => self.utf8(byte),
        }
    }

    fn ground(&mut self, byte: u8) -> Option<Key> {
        match byte {
            0x01 => Some(Key::Home),
            0x02 => Some(Key::Left),
            0x04 => Some(Key::DeleteOrEnd),
            0x05 => Some(Key::End),
            0x06 => Some(Key::Right),
            0x08 | 0x7f => Some(Key::Backspace),
            b'\t' => Some(Key::Char(' ')),
            b'\r' | b'\n' => Some(Key::Enter),
            0x0b => Some(Key::CutRight),
            0x0e => Some(Key::Down),
            0x10 => Some(Key::Up),
            0x15 => Some(Key::CutLeft),
            0x17 => Some(Key::CutWord),
            0x1b => {
                self.state = State::Escape;
                None
            }
            0x20..=0x7e => Some(Key::Char(char::from(byte))),
            0xc2..=0xf4 => {
                self.state = State::Utf8;
                self.part.push(byte);
                None
            }
            _ => None,
        }
    }

    fn utf8(&mut self, byte: u8) -> Option<Key> {
        self.part.push(byte);
        let key = match std::str::from_utf8(&self.part) {
            Ok(text) => text.chars().next().filter(|c| !c.is_control()).map(Key::Char),
            // The bytes so far are the beginning of a character.
            Err(error) if error.error_len().is_none() => return None,
            Err(_) => None,
        };
        self.state = State::Ground;
        self.part.clear();
        key
    }
}

/// The key of a sequence: its parameters, and the byte that ends it.
fn sequence(parameters: &[u8], last: u8) -> Option<Key> {
    // Ctrl or Alt held down.
    let by_word = parameters.ends_with(b";5") || parameters.ends_with(b";3");
    match (last, parameters) {
        (b'A', _) => Some(Key::Up),
        (b'B', _) => Some(Key::Down),
        (b'C', _) if by_word => Some(Key::WordRight),
        (b'C', _) => Some(Key::Right),
        (b'D', _) if by_word => Some(Key::WordLeft),
        (b'D', _) => Some(Key::Left),
        (b'H', _) | (b'~', b"1" | b"7") => Some(Key::Home),
        (b'F', _) | (b'~', b"4" | b"8") => Some(Key::End),
        (b'~', b"3") => Some(Key::Delete),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut keys = Keys::default();
        bytes.iter().filter_map(|&byte| keys.push(byte)).collect()
    }

    #[test]
    fn characters_of_every_length_are_one_key() {
        let text = "aß日👩";
        assert_eq!(keys(text.as_bytes()), text.chars().map(Key::Char).collect::<Vec<_>>());
        assert_eq!(keys(b"\xffa\xe2\x82b"), [Key::Char('a')]);
        assert_eq!(keys("\u{9b}a".as_bytes()), [Key::Char('a')]);
    }

    #[test]
    fn sequences_are_keys_or_nothing() {
        for (bytes, expected) in [
            (&b"\x1b[A"[..], Some(Key::Up)),
            (b"\x1bOB", Some(Key::Down)),
            (b"\x1b[1;5C", Some(Key::WordRight)),
            (b"\x1b[D", Some(Key::Left)),
            (b"\x1b[3~", Some(Key::Delete)),
            (b"\x1b[1~", Some(Key::Home)),
            (b"\x1bOF", Some(Key::End)),
            (b"\x1bb", Some(Key::WordLeft)),
            (b"\x1b[200~", None),
            (b"\x1b[99999999999999999999999999999999m", None),
            (b"\x00", None),
        ] {
            assert_eq!(keys(bytes).first().copied(), expected, "{bytes:?}");
            let after = [bytes, b"x"].concat();
            assert_eq!(keys(&after).last(), Some(&Key::Char('x')), "{bytes:?}");
        }
    }
}

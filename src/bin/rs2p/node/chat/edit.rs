//! A line that is being typed, and the lines before it.

use std::collections::VecDeque;

use unicode_width::UnicodeWidthChar;

use super::keys::Key;

pub(super) const PROMPT: &str = "> ";

/// The most characters of a line.
const MAX_LEN: usize = 65_536;

/// How many lines can be called back.
const MAX_HISTORY: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Edit {
    text: Vec<char>,
    /// Where the next character goes.
    cursor: usize,
    history: VecDeque<String>,
    /// Which line of the history is shown; none where it is the new one.
    shown: Option<usize>,
    /// The new line, while another one is shown.
    draft: Vec<char>,
}

/// What a key has completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Line(String),
    End,
}

impl Edit {
    pub(super) fn press(&mut self, key: Key) -> Option<Done> {
        match key {
            Key::Char(c) if self.text.len() < MAX_LEN => {
                self.text.insert(self.cursor, c);
                self.cursor += 1;
            }
            Key::Char(_) => {}
            Key::Enter => return Some(Done::Line(self.enter())),
            Key::DeleteOrEnd if self.text.is_empty() => return Some(Done::End),
            Key::Delete | Key::DeleteOrEnd => self.cut(self.cursor, self.cursor + 1),
            Key::Backspace => self.cut(self.cursor.saturating_sub(1), self.cursor),
            Key::CutRight => self.cut(self.cursor, self.text.len()),
            Key::CutLeft => self.cut(0, self.cursor),
            Key::CutWord => self.cut(self.word_left(), self.cursor),
            Key::Left => self.cursor = self.cursor.saturating_sub(1),
            Key::Right => self.cursor = (self.cursor + 1).min(self.text.len()),
            Key::WordLeft => self.cursor = self.word_left(),
            Key::WordRight => self.cursor = self.word_right(),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.text.len(),
            Key::Up => {
                let older = self.shown.unwrap_or(self.history.len()).checked_sub(1);
                if older.is_some() {
                    self.show(older);
                }
            }
            Key::Down => {
                if let Some(shown) = self.shown {
                    self.show(Some(shown + 1).filter(|newer| *newer < self.history.len()));
                }
            }
        }
        None
    }

    /// Removes the characters in a range, and leaves the cursor there.
    fn cut(&mut self, from: usize, to: usize) {
        let to = to.min(self.text.len());
        self.text.drain(from.min(to)..to);
        self.cursor = from.min(self.text.len());
    }

    fn enter(&mut self) -> String {
        let line: String = std::mem::take(&mut self.text).into_iter().collect();
        if !line.trim().is_empty() && self.history.back() != Some(&line) {
            if self.history.len() == MAX_HISTORY {
                self.history.pop_front();
            }
            self.history.push_back(line.clone());
        }
        (self.cursor, self.shown) = (0, None);
        self.draft.clear();
        line
    }

    fn show(&mut self, which: Option<usize>) {
        if self.shown.is_none() {
            self.draft = std::mem::take(&mut self.text);
        }
        self.text = match which.and_then(|at| self.history.get(at)) {
            Some(line) => line.chars().collect(),
            None => std::mem::take(&mut self.draft),
        };
        (self.shown, self.cursor) = (which, self.text.len());
    }

    fn word_left(&self) -> usize {
        let before = self.text.iter().take(self.cursor).rev();
        let spaces = before.clone().take_while(|c| c.is_whitespace()).count();
        let word = before.skip(spaces).take_while(|c| !c.is_whitespace()).count();
        self.cursor - spaces - word
    }

    fn word_right(&self) -> usize {
        let behind = self.text.iter().skip(self.cursor);
        let spaces = behind.clone().take_while(|c| c.is_whitespace()).count();
        let word = behind.skip(spaces).take_while(|c| !c.is_whitespace()).count();
        self.cursor + spaces + word
    }

    /// The prompt and as much around the cursor as one row of the terminal holds, with the cursor
    /// where it belongs.
    pub(super) fn render(&self, columns: usize) -> String {
        let room = columns.saturating_sub(PROMPT.len() + 1).max(1);
        let mut before = 0;
        let mut start = self.cursor;
        for c in self.text.iter().take(self.cursor).rev() {
            if before + width(*c) > room {
                break;
            }
            before += width(*c);
            start -= 1;
        }
        let mut shown = String::new();
        let mut total = 0;
        for c in self.text.iter().skip(start) {
            total += width(*c);
            if total > room {
                break;
            }
            shown.push(*c);
        }
        format!("\r\x1b[K{PROMPT}{shown}\r\x1b[{}C", PROMPT.len() + before)
    }
}

/// How many columns a character takes.
fn width(c: char) -> usize {
    c.width().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(edit: &mut Edit, text: &str) {
        for c in text.chars() {
            assert_eq!(edit.press(Key::Char(c)), None);
        }
    }

    fn enter(edit: &mut Edit) -> String {
        match edit.press(Key::Enter) {
            Some(Done::Line(line)) => line,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keys_edit_where_the_cursor_is() {
        let mut edit = Edit::default();
        typed(&mut edit, "one two three");
        for key in [Key::WordLeft, Key::Backspace, Key::Char('-'), Key::End, Key::Backspace] {
            edit.press(key);
        }
        edit.press(Key::Home);
        edit.press(Key::Delete);
        edit.press(Key::WordRight);
        edit.press(Key::Right);
        typed(&mut edit, "x");
        assert_eq!(enter(&mut edit), "ne xtwo-thre");
        typed(&mut edit, "a b c");
        for key in [Key::CutWord, Key::Left, Key::CutRight, Key::Left, Key::CutLeft] {
            edit.press(key);
        }
        assert_eq!(enter(&mut edit), "b");
    }

    #[test]
    fn keys_at_the_ends_do_nothing() {
        let mut edit = Edit::default();
        for key in [Key::Left, Key::Right, Key::Backspace, Key::Delete, Key::CutWord, Key::Up] {
            assert_eq!(edit.press(key), None);
        }
        assert_eq!(
            (enter(&mut edit).as_str(), edit.press(Key::DeleteOrEnd)),
            ("", Some(Done::End))
        );
        typed(&mut edit, "a");
        assert_eq!(edit.press(Key::DeleteOrEnd), None);
    }

    #[test]
    fn a_line_ends_to_grow_at_its_limit() {
        let mut edit = Edit::default();
        typed(&mut edit, &"x".repeat(MAX_LEN + 1));
        assert_eq!(enter(&mut edit).len(), MAX_LEN);
    }

    #[test]
    fn lines_are_called_back_and_the_new_one_is_kept() {
        let mut edit = Edit::default();
        for line in ["one", "two", "two", " "] {
            typed(&mut edit, line);
            enter(&mut edit);
        }
        typed(&mut edit, "draft");
        for (key, expected) in [
            (Key::Up, "two"),
            (Key::Up, "one"),
            (Key::Up, "one"),
            (Key::Down, "two"),
            (Key::Down, "draft"),
            (Key::Down, "draft"),
        ] {
            edit.press(key);
            assert_eq!(edit.text.iter().collect::<String>(), expected);
        }
    }

    #[test]
    fn a_line_longer_than_the_terminal_shows_what_is_around_the_cursor() {
        let mut edit = Edit::default();
        typed(&mut edit, "abcdefgh");
        assert_eq!(edit.render(80), "\r\x1b[K> abcdefgh\r\x1b[10C");
        assert_eq!(edit.render(8), "\r\x1b[K> defgh\r\x1b[7C");
        edit.press(Key::Home);
        assert_eq!(edit.render(8), "\r\x1b[K> abcde\r\x1b[2C");
        typed(&mut edit, "日本");
        assert_eq!(edit.render(8), "\r\x1b[K> 日本a\r\x1b[6C");
        assert!(edit.render(0).starts_with("\r\x1b[K> "));
    }
}

//! A line editor on a terminal, below what others have to say.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Read};

use super::super::output::Output;
use super::edit::{Done, Edit, PROMPT};
use super::keys::Keys;
use super::terminal::Terminal;
use crate::terminal;

#[derive(Debug)]
pub(super) struct Editor {
    terminal: Terminal,
    output: Output,
    keys: Keys,
    edit: Edit,
    /// What was read and not looked at: what was typed or pasted behind the end of a line.
    ahead: VecDeque<u8>,
}

impl Editor {
    /// None where this is no terminal that can move its cursor.
    pub(super) fn open(output: &Output) -> Option<Self> {
        if !terminal::is_capable() || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return None;
        }
        let terminal = Terminal::open().ok()?;
        Some(Self {
            terminal,
            output: output.clone(),
            keys: Keys::default(),
            edit: Edit::default(),
            ahead: VecDeque::new(),
        })
    }

    pub(super) fn terminal(&self) -> &Terminal {
        &self.terminal
    }

    /// Waits for the next line; none at the end of the input.
    pub(super) fn next(&mut self) -> Option<String> {
        loop {
            while let Some(byte) = self.ahead.pop_front() {
                match self.keys.push(byte).and_then(|key| self.edit.press(key)) {
                    None => {}
                    Some(Done::Line(line)) => {
                        self.output.end_prompt(&format!("\r\x1b[K{PROMPT}{line}\n"));
                        return Some(line);
                    }
                    Some(Done::End) => {
                        self.output.end_prompt("\r\x1b[K");
                        return None;
                    }
                }
            }
            self.output.prompt(self.edit.render(terminal::columns()));
            let mut bytes = [0; 1_024];
            let len = match io::stdin().lock().read(&mut bytes) {
                Ok(len) if len > 0 => len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                _ => return None,
            };
            self.ahead.extend(bytes.iter().take(len));
        }
    }
}

//! What a terminal is told besides text: a few escape sequences that every terminal of the last
//! decades knows, and nothing that would have to be undone if the program were killed.

use std::env;

/// Used where nobody tells the width.
const DEFAULT_COLUMNS: usize = 80;

/// Whether the terminal can go back to a line that it has shown.
pub(crate) fn is_capable() -> bool {
    match env::var_os("TERM") {
        Some(name) => !name.is_empty() && name != "dumb",
        // Consoles there have no name.
        None => cfg!(windows),
    }
}

/// See <https://no-color.org>.
pub(crate) fn wants_colors() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// For how many columns to write. A narrower terminal cuts a view off at its edge by itself.
pub(crate) fn columns() -> usize {
    let told = || env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let known = width().or_else(told).filter(|columns| *columns > 0);
    known.unwrap_or(DEFAULT_COLUMNS)
}

/// What the terminal itself says, behind whichever of the outputs it is.
#[cfg(unix)]
fn width() -> Option<usize> {
    use rustix::termios::tcgetwinsize;
    let size = tcgetwinsize(std::io::stdout()).or_else(|_| tcgetwinsize(std::io::stderr()));
    size.ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

#[cfg(not(unix))]
fn width() -> Option<usize> {
    None
}

/// Takes away a view of so many lines, and goes where it began.
pub(crate) fn erase(line_count: usize) -> String {
    match line_count {
        0 => String::new(),
        count => format!("\x1b[{count}A\r\x1b[J"),
    }
}

/// Replaces a view of so many lines by another, without a moment in between in which there is
/// none. Lines do not wrap, however narrow the terminal is now: wrapping is off meanwhile.
pub(crate) fn redraw(previous_count: usize, lines: &[String]) -> String {
    let mut text = "\x1b[?7l".to_owned();
    if previous_count > 0 {
        text.push_str(&format!("\x1b[{previous_count}A"));
    }
    for line in lines {
        text.push_str(&format!("\r{line}\x1b[K\n"));
    }
    text.push_str("\x1b[J\x1b[?7h");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_replaces_the_one_before_and_leaves_wrapping_on() {
        let lines = ["one".to_owned(), "two".to_owned()];
        let first = "\x1b[?7l\rone\x1b[K\n\rtwo\x1b[K\n\x1b[J\x1b[?7h";
        assert_eq!(redraw(0, &lines), first);
        assert_eq!(redraw(3, &lines[..1]), "\x1b[?7l\x1b[3A\rone\x1b[K\n\x1b[J\x1b[?7h");
    }

    #[test]
    fn nothing_is_erased_where_nothing_was_drawn() {
        assert_eq!(erase(0), "");
        assert_eq!(erase(4), "\x1b[4A\r\x1b[J");
    }
}

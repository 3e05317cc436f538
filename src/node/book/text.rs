//! An address book as a value, and as the text that a file keeps it in.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::{MAX_NEW, MAX_TRIED};
use crate::wire::NodeId;

/// The first line of the text.
const TITLE: &str = "rs2p address book";

/// The version of the text.
const VERSION: &str = "1";

/// The most entries of a book.
const MAX_ENTRIES: usize = MAX_NEW + MAX_TRIED;

/// The most bytes of a text: each line takes up to 200.
const MAX_LEN: usize = 256 << 10;

/// Addresses at which a node has met others, or was told that it would: a snapshot, to be kept
/// from one run to the next. See [`MeshSocket::address_book`](crate::MeshSocket::address_book).
///
/// As text it is a line `rs2p address book 1`, and then one for each entry: `anchor`, `tried` or
/// `new`, the address, the node's id, and who told of it if somebody did.
///
/// ```
/// use rs2p::AddressBook;
///
/// let book: AddressBook = "rs2p address book 1\ntried 192.0.2.7:4444 Mv358Y9L\n".parse()?;
/// assert_eq!(book.entries().len(), 1);
/// assert_eq!(book.to_string().parse(), Ok(book));
/// # Ok::<(), rs2p::AddressBookError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressBook {
    entries: Vec<BookEntry>,
}

/// One address of an [`AddressBook`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BookEntry {
    /// The address.
    pub addr: SocketAddr,
    /// The node that answers there, as it was found or told. A claim, but for tried entries of a
    /// mesh under TLS.
    pub id: NodeId,
    /// What it is known by.
    pub standing: Standing,
    /// The address of the neighbor that told of it, or the IPv6 /64 that this is in; `None` where
    /// this node found it out itself, or heard of it on its own machine.
    pub teller: Option<IpAddr>,
}

/// How much an address is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// A neighbor at that time, for a minute or more, and one of two that are dialled first. Which of
    /// its neighbors those are is as good as drawn, and stays so while a node lives.
    Anchor,
    /// This node has met the node there.
    Tried,
    /// Somebody told of it.
    New,
}

impl Standing {
    const fn word(self) -> &'static str {
        match self {
            Self::Anchor => "anchor",
            Self::Tried => "tried",
            Self::New => "new",
        }
    }
}

impl AddressBook {
    pub(super) fn new(entries: Vec<BookEntry>) -> Self {
        Self { entries }
    }

    /// The entries, in no order that means anything.
    pub fn entries(&self) -> &[BookEntry] {
        &self.entries
    }
}

impl fmt::Display for AddressBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE} {VERSION}")?;
        for BookEntry { addr, id, standing, teller } in &self.entries {
            write!(f, "{} {addr} {id}", standing.word())?;
            match teller {
                Some(teller) => writeln!(f, " {teller}")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}

impl FromStr for AddressBook {
    type Err = AddressBookError;

    fn from_str(text: &str) -> Result<Self, AddressBookError> {
        if text.len() > MAX_LEN {
            return Err(AddressBookError::TooLong);
        }
        let mut lines = text.lines();
        let title = lines.next().and_then(|line| line.strip_prefix(TITLE)?.strip_prefix(' '));
        match title {
            Some(VERSION) => {}
            Some(_) => return Err(AddressBookError::OtherVersion),
            None => return Err(AddressBookError::NoBook),
        }
        let mut entries = Vec::new();
        for (index, line) in lines.enumerate() {
            if entries.len() == MAX_ENTRIES {
                return Err(AddressBookError::TooLong);
            }
            entries.push(read(line).ok_or(AddressBookError::BadLine(index + 2))?);
        }
        Ok(Self { entries })
    }
}

fn read(line: &str) -> Option<BookEntry> {
    let mut words = line.split(' ');
    let word = words.next()?;
    let standing = [Standing::Anchor, Standing::Tried, Standing::New];
    let standing = standing.into_iter().find(|standing| standing.word() == word)?;
    let addr: SocketAddr = words.next()?.parse().ok()?;
    let id = NodeId::parse(words.next()?.as_bytes()).ok()?;
    let teller = match words.next() {
        Some(teller) => Some(teller.parse().ok()?),
        None => None,
    };
    let is_whole = words.next().is_none() && addr.port() != 0;
    is_whole.then_some(BookEntry { addr, id, standing, teller })
}

/// Why a text is no [`AddressBook`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressBookError {
    /// It does not begin as one.
    NoBook,
    /// It is one of another version.
    OtherVersion,
    /// It has more than 1,280 entries, or 256 KiB.
    TooLong,
    /// This line, counted from 1, is no entry.
    BadLine(usize),
}

impl fmt::Display for AddressBookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBook => f.write_str("it does not begin as an address book"),
            Self::OtherVersion => f.write_str("it is an address book of another version"),
            Self::TooLong => f.write_str("it has more entries than an address book may have"),
            Self::BadLine(number) => write!(f, "line {number} is no entry"),
        }
    }
}

impl Error for AddressBookError {}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "rs2p address book 1\n\
        anchor 192.0.2.1:4444 one\n\
        tried [2001:db8::1]:4444 two\n\
        new 192.0.2.2:1024 three 198.51.100.1\n";

    #[test]
    fn a_book_is_read_as_it_was_written() {
        let book: AddressBook = TEXT.parse().unwrap();
        let standings: Vec<_> = book.entries().iter().map(|entry| entry.standing).collect();
        assert_eq!(standings, [Standing::Anchor, Standing::Tried, Standing::New]);
        assert_eq!(book.to_string(), TEXT);
        assert_eq!(AddressBook::default().to_string().parse(), Ok(AddressBook::default()));
    }

    #[test]
    fn what_is_no_book_is_told_with_its_line() {
        for (text, error) in [
            ("", AddressBookError::NoBook),
            ("-----BEGIN PRIVATE KEY-----", AddressBookError::NoBook),
            ("rs2p address book", AddressBookError::NoBook),
            ("rs2p address book 2\n", AddressBookError::OtherVersion),
            ("rs2p address book 1\n\n", AddressBookError::BadLine(2)),
        ] {
            assert_eq!(text.parse::<AddressBook>(), Err(error), "{text}");
        }
        for line in [
            "old 192.0.2.1:4444 one",
            "new 192.0.2.1 one",
            "new 192.0.2.1:0 one",
            "new host.example:4444 one",
            "new 192.0.2.1:4444",
            "new 192.0.2.1:4444 one nobody",
            "new 192.0.2.1:4444 one 192.0.2.1 more",
            "new  192.0.2.1:4444 one",
        ] {
            let text = format!("{TEXT}{line}\n");
            assert_eq!(text.parse::<AddressBook>(), Err(AddressBookError::BadLine(5)), "{line}");
        }
    }

    #[test]
    fn a_book_has_no_more_entries_and_bytes_than_a_node_keeps() {
        let line = "new 192.0.2.1:4444 one\n";
        let text = |count| format!("rs2p address book 1\n{}", line.repeat(count));
        assert_eq!(text(1_280).parse().map(|book: AddressBook| book.entries.len()), Ok(1_280));
        assert_eq!(text(1_281).parse::<AddressBook>(), Err(AddressBookError::TooLong));
        let long = format!("rs2p address book 1\n{}", " ".repeat(MAX_LEN));
        assert_eq!(long.parse::<AddressBook>(), Err(AddressBookError::TooLong));
    }
}

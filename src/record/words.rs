//! The words of a line: values that have no blanks in them.

use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use crate::node::{Rule, RuleKind, Subject};
use crate::wire::{Compressions, NodeId};

/// Bytes in hexadecimal digits.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

pub(super) fn read_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

/// Packets: each an `x` and its hexadecimal digits, with commas between them; `-` for none.
pub(super) fn packets(list: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for packet in list {
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a text cannot fail.
        let _ = write!(text, "{comma}x{}", Hex(packet));
    }
    if text.is_empty() { "-".to_owned() } else { text }
}

pub(super) fn read_packets(text: &str) -> Option<Vec<Vec<u8>>> {
    if text == "-" {
        return Some(Vec::new());
    }
    text.split(',').map(|packet| read_hex(packet.strip_prefix('x')?)).collect()
}

/// Any text as one word: as it is where that is one, and in hexadecimal digits behind `%` if not.
pub(super) fn word(text: &str) -> String {
    let is_word = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.starts_with('%');
    if is_word && !text.is_empty() { text.to_owned() } else { format!("%{}", Hex(text.as_bytes())) }
}

pub(super) fn read_word(text: &str) -> Option<String> {
    match text.strip_prefix('%') {
        Some(hex) => String::from_utf8(read_hex(hex)?).ok(),
        None => Some(text.to_owned()),
    }
}

pub(super) fn read_id(text: &str) -> Option<NodeId> {
    NodeId::parse(text.as_bytes()).ok()
}

pub(super) fn read_addr(text: &str) -> Option<SocketAddr> {
    text.parse().ok()
}

pub(super) fn methods(methods: Compressions) -> String {
    let names: Vec<_> = methods.iter().map(|method| method.name()).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(",") }
}

pub(super) fn read_methods(text: &str) -> Option<Compressions> {
    let methods = Compressions::from_names(text.split(','));
    let count = if text == "-" { 0 } else { text.split(',').count() };
    (methods.iter().count() == count).then_some(methods)
}

pub(super) fn kind(kind: RuleKind) -> &'static str {
    match kind {
        RuleKind::Allow => "allow",
        RuleKind::Deny => "deny",
    }
}

pub(super) fn read_kind(text: &str) -> Option<RuleKind> {
    [RuleKind::Allow, RuleKind::Deny].into_iter().find(|it| kind(*it) == text)
}

pub(super) fn subject(subject: Subject) -> String {
    match subject {
        Subject::Id(id) => format!("id:{id}"),
        Subject::Network(network) => format!("net:{network}"),
    }
}

pub(super) fn read_subject(text: &str) -> Option<Subject> {
    match text.split_once(':')? {
        ("id", id) => read_id(id).map(Subject::Id),
        ("net", network) => network.parse().ok().map(Subject::Network),
        _ => None,
    }
}

/// A rule in three words: its list, its subject, and its lifetime in nanoseconds or `-`.
pub(super) fn rule(rule: &Rule) -> String {
    let lifetime = rule.lifetime.map_or_else(|| "-".to_owned(), |it| it.as_nanos().to_string());
    format!("{} {} {lifetime}", kind(rule.kind), subject(rule.subject))
}

pub(super) fn read_rule(text: &str) -> Option<Rule> {
    let mut words = text.split(' ');
    let kind = read_kind(words.next()?)?;
    let subject = read_subject(words.next()?)?;
    let lifetime = match words.next()? {
        "-" => None,
        nanos => Some(Duration::from_nanos(nanos.parse().ok()?)),
    };
    words.next().is_none().then_some(Rule { kind, subject, lifetime })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nothing_else_is() {
        for text in ["mesh", "", "two words", "%41", "ümläut", "line\nbreak"] {
            assert_eq!(read_word(&word(text)).as_deref(), Some(text));
            assert!(!word(text).contains([' ', '\n']) && !word(text).is_empty());
        }
        for list in [vec![], vec![vec![]], vec![vec![1], vec![], vec![255; 3]]] {
            assert_eq!(read_packets(&packets(&list)), Some(list));
        }
        for bad in ["", "x0", "xzz", "x00,", "00", "x00,00"] {
            assert_eq!(read_packets(bad), None, "{bad}");
        }
        for text in ["allow id:abc -", "deny net:10.0.0.0/8 5000000000"] {
            assert_eq!(read_rule(text).map(|it| rule(&it)).as_deref(), Some(text));
        }
        for bad in ["allow id:abc", "deny net:10.0.0.1/8 -", "allow id:abc - -", "let id:abc -"] {
            assert_eq!(read_rule(bad), None, "{bad}");
        }
        assert_eq!(read_methods("-"), Some(Compressions::NONE));
        assert_eq!(read_methods("gzip,snappy"), None);
    }
}

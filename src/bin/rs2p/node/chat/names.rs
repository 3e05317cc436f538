//! The nodes that a user may name by the beginning of their ids.

use std::collections::BTreeSet;
use std::fmt;

use rs2p::NodeId;

use crate::safe;

/// As many characters of an id are taken for the whole, of whomever it is. Ids have up to 66, and
/// one in a million of the usual ones less than 62.
const WHOLE_LEN: usize = 60;

/// Finds the one node whose id begins so, other than this one.
pub(super) fn find(
    prefix: &str,
    own: NodeId,
    known: &BTreeSet<NodeId>,
) -> Result<NodeId, NameError> {
    let whole = prefix.parse::<NodeId>().ok();
    if let Some(id) = whole.filter(|id| known.contains(id)) {
        return Ok(id);
    }
    let mut found = known.iter().filter(|id| id.as_str().starts_with(prefix));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(*id),
        (Some(_), Some(_)) => {
            let ids = known.iter().filter(|id| id.as_str().starts_with(prefix));
            Err(NameError::Ambiguous(ids.take(3).map(|id| distinct(id, known)).collect()))
        }
        (None, _) if !prefix.is_empty() && own.as_str().starts_with(prefix) => {
            Err(NameError::Myself)
        }
        (None, _) => {
            let stranger = whole.filter(|id| id.as_str().len() >= WHOLE_LEN);
            stranger.ok_or_else(|| NameError::Unknown(safe::shown(prefix.as_bytes(), 70)))
        }
    }
}

/// The shortest beginning of an id, of the usual length or more, that no other one has.
fn distinct(id: &NodeId, known: &BTreeSet<NodeId>) -> String {
    let text = id.as_str();
    let is_alone = |len: &usize| {
        let start = text.get(..*len).unwrap_or(text);
        known.iter().filter(|other| other.as_str().starts_with(start)).count() == 1
    };
    let len = (id.short().len()..text.len()).find(is_alone).unwrap_or(text.len());
    text.get(..len).unwrap_or(text).to_owned()
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NameError {
    Unknown(String),
    Ambiguous(Vec<String>),
    Myself,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(f, "no node is known whose id begins with `{name}`; a whole id always works")
            }
            Self::Myself => write!(f, "that is this node itself"),
            Self::Ambiguous(ids) => write!(f, "several nodes begin so: {}", ids.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(ids: &[&str]) -> BTreeSet<NodeId> {
        ids.iter().map(|id| id.parse().unwrap()).collect()
    }

    fn found(prefix: &str, ids: &[&str]) -> Result<String, String> {
        let own = "OwnId".parse().unwrap();
        let found = find(prefix, own, &known(ids));
        found.map(|id| id.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_beginning_that_one_node_has_finds_it() {
        let ids = ["Abc", "Abcd", "Xyz"];
        assert_eq!(found("X", &ids), Ok("Xyz".to_owned()));
        assert_eq!(found("Abcd", &ids), Ok("Abcd".to_owned()));
        // A whole id is that one, whoever begins so too.
        assert_eq!(found("Abc", &ids), Ok("Abc".to_owned()));
    }

    #[test]
    fn a_beginning_of_none_or_several_is_answered_so() {
        let ids = ["12345678A", "12345678B", "Xyz"];
        let several = "several nodes begin so: 12345678A, 12345678B";
        assert_eq!(found("1", &ids), Err(several.to_owned()));
        let none =
            "no node is known whose id begins with `abc`; a whole id always works".to_owned();
        assert_eq!(found("abc", &ids), Err(none));
        assert!(found("\u{1b}[2J", &ids).unwrap_err().contains(r"`\u{1b}[2J`"));
    }

    #[test]
    fn ones_own_id_is_recognized_unless_it_could_be_another() {
        assert_eq!(found("Own", &["Abc"]), Err("that is this node itself".to_owned()));
        assert_eq!(found("Own", &["Owner"]), Ok("Owner".to_owned()));
        assert!(found("", &[]).unwrap_err().starts_with("no node is known"));
    }

    #[test]
    fn a_whole_id_is_that_of_a_stranger() {
        let stranger = "Mv358Y9LGUDm7tHx2NL1oT586rpnTxtLr8ozX8NgNHKJGU7vJ9nxZsE2QgS4w91A4";
        assert_eq!(found(stranger, &["Abc"]), Ok(stranger.to_owned()));
        assert!(found(&stranger[..20], &["Abc"]).is_err());
    }
}

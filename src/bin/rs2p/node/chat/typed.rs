//! What a typed line means.

use std::fmt;

use crate::args;

/// A line, read. Text keeps the spaces inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed<'a> {
    Nothing,
    Broadcast(&'a str),
    Peers,
    Whisper {
        to: &'a str,
        text: &'a str,
    },
    /// To the last message where no number is given.
    Reply {
        number: Option<u64>,
        text: &'a str,
    },
    Locate(&'a str),
    Explain(&'a str),
    Record(&'a str),
    Connect(&'a str),
    Stats,
    Help,
    Quit,
}

/// The commands and how they are used, for help and for whoever uses one wrongly.
pub(super) const COMMANDS: [(&str, &str, &str); 10] = [
    ("/peers", "", "the nodes that this one is connected to"),
    ("/whisper", "ID TEXT", "say something to one node, near or far"),
    ("/reply", "[#N] TEXT", "whisper to the sender of the last message, or of message #N"),
    ("/locate", "ID", "ask the mesh where a node can be reached"),
    ("/connect", "HOST:PORT", "connect to a node"),
    ("/explain", "#N", "what became of message #N at this node, or of that with a whole id"),
    ("/record", "ID", "what lately went wrong with a node, or mattered"),
    ("/stats", "", "what this node has counted, and what went wrong"),
    ("/help", "", "this list"),
    ("/quit", "", "leave the mesh, as Ctrl-C and Ctrl-D do"),
];

impl<'a> Typed<'a> {
    pub(super) fn parse(line: &'a str) -> Result<Self, TypedError> {
        let line = line.trim();
        if line.is_empty() {
            return Ok(Self::Nothing);
        }
        if !line.starts_with('/') {
            return Ok(Self::Broadcast(line));
        }
        if let Some(text) = line.strip_prefix("//") {
            // One slash less: what follows is text.
            return Ok(Self::Broadcast(line.get(1..).unwrap_or(text)));
        }
        let (name, rest) = first_word(line);
        let usage = |name| TypedError::usage(name);
        let (first, second) = first_word(rest);
        match name {
            "/peers" if rest.is_empty() => Ok(Self::Peers),
            "/stats" if rest.is_empty() => Ok(Self::Stats),
            "/help" if rest.is_empty() => Ok(Self::Help),
            "/quit" if rest.is_empty() => Ok(Self::Quit),
            "/whisper" if !second.is_empty() => Ok(Self::Whisper { to: first, text: second }),
            "/reply" if !rest.is_empty() => match first.strip_prefix('#').map(str::parse) {
                Some(Ok(number)) if !second.is_empty() => {
                    Ok(Self::Reply { number: Some(number), text: second })
                }
                Some(Ok(_)) => Err(usage(name)),
                _ => Ok(Self::Reply { number: None, text: rest }),
            },
            "/locate" if !first.is_empty() && second.is_empty() => Ok(Self::Locate(first)),
            "/explain" if !first.is_empty() && second.is_empty() => Ok(Self::Explain(first)),
            "/record" if !first.is_empty() && second.is_empty() => Ok(Self::Record(first)),
            "/connect" if !first.is_empty() && second.is_empty() => Ok(Self::Connect(first)),
            _ => Err(usage(name)),
        }
    }
}

/// A word, and what is behind it.
fn first_word(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace)
        .map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

/// Why a line that begins with a slash was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TypedError {
    Unknown { name: String, nearest: Option<String> },
    Usage { name: &'static str, arguments: &'static str },
}

impl TypedError {
    fn usage(name: &str) -> Self {
        match COMMANDS.iter().find(|(known, ..)| *known == name) {
            Some((name, arguments, _)) => Self::Usage { name, arguments },
            None => {
                let nearest = args::nearest(name, &COMMANDS.map(|(name, ..)| name));
                Self::Unknown { name: name.to_owned(), nearest }
            }
        }
    }
}

impl fmt::Display for TypedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, nearest: Some(nearest) } => {
                write!(f, "unknown command `{name}`; did you mean `{nearest}`?")
            }
            Self::Unknown { name, nearest: None } => write!(
                f,
                "unknown command `{name}`; /help lists them, and // begins a line of text with /"
            ),
            Self::Usage { name, arguments: "" } => write!(f, "use it alone: {name}"),
            Self::Usage { name, arguments } => write!(f, "use it so: {name} {arguments}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_is_read_and_everything_else_is_said() {
        for (line, expected) in [
            ("", Typed::Nothing),
            (" \t", Typed::Nothing),
            ("hello  there ", Typed::Broadcast("hello  there")),
            ("//shrug and go", Typed::Broadcast("/shrug and go")),
            ("/peers ", Typed::Peers),
            ("/whisper Ab  two  words", Typed::Whisper { to: "Ab", text: "two  words" }),
            ("/reply yes, I do", Typed::Reply { number: None, text: "yes, I do" }),
            ("/reply #3 yes", Typed::Reply { number: Some(3), text: "yes" }),
            ("/reply 3 apples", Typed::Reply { number: None, text: "3 apples" }),
            ("/reply #metoo", Typed::Reply { number: None, text: "#metoo" }),
            ("/locate Ab", Typed::Locate("Ab")),
            ("/connect a:1", Typed::Connect("a:1")),
            ("/explain #3", Typed::Explain("#3")),
            ("/record Ab", Typed::Record("Ab")),
            ("/stats", Typed::Stats),
            ("/help", Typed::Help),
            ("/quit", Typed::Quit),
        ] {
            assert_eq!(Typed::parse(line), Ok(expected), "{line:?}");
        }
    }

    #[test]
    fn a_wrong_command_is_answered_with_the_right_one() {
        for (line, expected) in [
            ("/pears", "unknown command `/pears`; did you mean `/peers`?"),
            (
                "/me waves",
                "unknown command `/me`; /help lists them, and // begins a line of text with /",
            ),
            ("/peers all", "use it alone: /peers"),
            ("/whisper Ab", "use it so: /whisper ID TEXT"),
            ("/reply", "use it so: /reply [#N] TEXT"),
            ("/reply #3", "use it so: /reply [#N] TEXT"),
            ("/locate", "use it so: /locate ID"),
            ("/explain", "use it so: /explain #N"),
            ("/record", "use it so: /record ID"),
            ("/connect a b", "use it so: /connect HOST:PORT"),
        ] {
            let error = Typed::parse(line).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}

//! What the user asks of `rs2p keygen` and `rs2p id`.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg::{Long, Value};

use crate::args::{self, UsageError};

pub(crate) const KEYGEN_SUMMARY: &str = "Make a key, which gives a node its id, or a mesh secret";

pub(crate) const KEYGEN_HELP: &str = "\
rs2p keygen: make a key, which gives a node its id, or a mesh secret

Draws an Ed25519 key and writes it to a new file, which nobody but you may read. A node that is
started with it (rs2p node --identity FILE) has the id that is printed here, always the same, and
proves it to its neighbors. Whoever has the file can be that node: keep it to yourself, and have no
two nodes with one key in a mesh.

With --secret it draws the secret of a mesh instead: 32 bytes that every node has to know which may
join (rs2p node --secret-file FILE). The same file goes to all of them, by a way that nobody else
can read.

A file that is there already is never replaced.

Usage: rs2p keygen [OPTIONS] [FILE]

  FILE        Where to write it, in PEM (default node.key, or mesh.secret with --secret)

Options:
  --secret    Make the secret of a mesh
  --json      Print one JSON object: `file`, and of a key `id` and `public_key` in hexadecimal
  -h, --help  Print this

Exit code: 0 where the file was written, 1 where not, 2 where the arguments are wrong.

Examples:
  rs2p keygen
  rs2p keygen alice.key
  rs2p keygen --secret garden.secret
";

pub(crate) const ID_SUMMARY: &str = "Tell the id of the node whose key a file holds";

pub(crate) const ID_HELP: &str = "\
rs2p id: tell the id of the node whose key a file holds

Prints the id, and nothing of the key, which `rs2p keygen` or `rs2p node --identity` has made, or
`openssl genpkey -algorithm ED25519`. A file that others than its owner may read or change is
refused.

Usage: rs2p id [OPTIONS] FILE

Options:
  --json      Print one JSON object: `file`, `id`, `public_key` in hexadecimal
  -h, --help  Print this

Exit code: 0 where the file holds a key, 1 where not, 2 where the arguments are wrong.

Examples:
  rs2p id alice.key
";

/// Every option, for suggestions.
const KEYGEN_NAMES: [&str; 3] = ["--secret", "--json", "--help"];
const ID_NAMES: [&str; 2] = ["--json", "--help"];

const DEFAULT_KEY_FILE: &str = "node.key";
const DEFAULT_SECRET_FILE: &str = "mesh.secret";

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Keygen {
    pub(super) file: PathBuf,
    /// The secret of a mesh, and no key.
    pub(super) secret: bool,
    pub(super) json: bool,
}

impl Keygen {
    pub(super) fn parse(parser: lexopt::Parser) -> Result<Self, UsageError> {
        let Given { file, secret, json } = Given::read(parser, &KEYGEN_NAMES)?;
        let default = if secret { DEFAULT_SECRET_FILE } else { DEFAULT_KEY_FILE };
        let file = file.map_or_else(|| default.into(), PathBuf::from);
        Ok(Self { file, secret, json })
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Id {
    pub(super) file: PathBuf,
    pub(super) json: bool,
}

impl Id {
    pub(super) fn parse(parser: lexopt::Parser) -> Result<Self, UsageError> {
        let Given { file, json, .. } = Given::read(parser, &ID_NAMES)?;
        let expected = "the file of a key".to_owned();
        let file = file.ok_or(UsageError::Missing { name: "FILE", expected })?;
        Ok(Self { file: file.into(), json })
    }
}

/// What was said, as it stands there.
#[derive(Debug, Default)]
struct Given {
    file: Option<OsString>,
    secret: bool,
    json: bool,
}

impl Given {
    /// Reads a command that knows these options.
    fn read(mut parser: lexopt::Parser, names: &[&str]) -> Result<Self, UsageError> {
        let mut given = Self::default();
        while let Some(arg) = parser.next()? {
            match arg {
                Long("json") => given.json = true,
                Long("secret") if names.contains(&"--secret") => given.secret = true,
                Value(value) if given.file.is_none() && !value.is_empty() => {
                    given.file = Some(value);
                }
                other => return Err(args::refuse(other, names)),
            }
        }
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parser(args: &str) -> lexopt::Parser {
        lexopt::Parser::from_args(args.split_whitespace())
    }

    #[test]
    fn a_file_and_the_form_of_the_answer_are_read() {
        let read = |args| Keygen::parse(parser(args)).unwrap();
        let key = Keygen { file: "node.key".into(), secret: false, json: false };
        assert_eq!(read(""), key);
        assert_eq!(read("--json a/b"), Keygen { file: "a/b".into(), json: true, ..key });
        let secret = Keygen { file: "mesh.secret".into(), secret: true, json: false };
        assert_eq!(read("--secret"), secret);
        assert_eq!(read("a --secret"), Keygen { file: "a".into(), ..secret });
        let id = Id::parse(parser("a --json")).unwrap();
        assert_eq!(id, Id { file: "a".into(), json: true });
    }

    #[test]
    fn wrong_arguments_are_named() {
        let refusal = |args| Id::parse(parser(args)).unwrap_err().to_string();
        assert_eq!(refusal(""), "FILE is missing: the file of a key");
        assert_eq!(refusal("--secret a"), "unknown option `--secret`");
        assert_eq!(refusal("a b"), "unexpected argument `b`");
        assert_eq!(refusal("--jsn a"), "unknown option `--jsn`; did you mean `--json`?");
    }

    #[test]
    fn the_helps_name_every_option() {
        for (help, names) in [(KEYGEN_HELP, &KEYGEN_NAMES[..]), (ID_HELP, &ID_NAMES)] {
            for name in names {
                assert!(help.contains(name), "{name}");
            }
            for line in help.lines() {
                assert!(line.len() <= 100, "{line}");
            }
        }
    }
}

//! What the user asks of `rs2p replay`.

use std::path::PathBuf;
use std::time::Duration;

use lexopt::Arg::{Long, Value};

use crate::args::{self, UsageError};

pub(crate) const SUMMARY: &str = "Run a recorded node again, and look into it";

pub(crate) const HELP: &str = "\
rs2p replay: run a recorded node again, and look into it

Reads a record, as `rs2p node --record FILE` and `rs2p mesh --record DIR` write it, gives a node of
the same making what the recorded one was given, at the same instants, and compares each output with
the recorded one. The first that differs is named. Lines are shown as they come: > for what happened
to the node, * for calls of its user, < for what it did. At the end, or at the instant of --at,
stands what the node knew: its connections, timers, figures and troubles.

Under TLS and RSA a node draws entropy and keys that no record holds: there the lines are shown, and
the node is not run.

Usage: rs2p replay [OPTIONS] FILE

Options:
  --at TIME   Stop there, and show only the state: 500ms, 12.5s, 2m; counted from the first instant
              of the node's time line
  --step      Ask after each line what to do; type ? for what there is
  --json      Print one JSON object at the end instead of text
  -h, --help  Print this

Exit code: 0 where no output differs, also where the node could not be run or there was none to
compare, 1 where one does or the file is no record, 2 where the arguments are wrong.

JSON: `ok`; `lines`, `inputs`, `calls`, `outputs` read; `lost`, the lines that the writer had to
leave out; `at_ns`, the instant of the last line; `compared`, the outputs that were the same;
`left`, those that the record has not told; `difference` {line, at_ns, recorded, now} or null;
`not_run`, why there was no node, or null; `notes`; `state` or null: {id, connections [{conn, addr,
direction, phase, id, backlog, unread, paused}], timers [{at_ns, what}], usage and stats, each a
number by its name, that of a table behind its table's (`dropped.stale`), troubles}.

Examples:
  rs2p mesh --encryption plaintext --nodes 3 --for 2s --rate 10 --record records
  rs2p replay records/node-0.record
  rs2p replay --at 1s records/node-0.record
  rs2p replay --json records/node-1.record
";

/// Every option, for suggestions.
const NAMES: [&str; 4] = ["--at", "--step", "--json", "--help"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) file: PathBuf,
    pub(super) at: Option<Duration>,
    pub(super) step: bool,
    pub(super) json: bool,
}

impl Options {
    pub(super) fn parse(mut parser: lexopt::Parser) -> Result<Self, UsageError> {
        let (mut file, mut at, mut step, mut json) = (None, None, false, false);
        while let Some(arg) = parser.next()? {
            match arg {
                Long("at") => at = Some(args::time("--at", &parser.value()?)?),
                Long("step") => step = true,
                Long("json") => json = true,
                Value(path) if file.is_none() => file = Some(PathBuf::from(path)),
                other => return Err(args::refuse(other, &NAMES)),
            }
        }
        let expected = "a record, as `rs2p node --record FILE` writes it".to_owned();
        let file = file.ok_or(UsageError::Missing { name: "FILE", expected })?;
        let useless =
            |option, because: &str| UsageError::Useless { option, because: because.into() };
        if step && json {
            return Err(useless("--step", "--json prints one object, at the end"));
        }
        if step && at.is_some() {
            return Err(useless("--at", "with --step you say where to stop as you go"));
        }
        Ok(Self { file, at, step, json })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &str) -> Result<Options, String> {
        let parser = lexopt::Parser::from_args(args.split_whitespace());
        Options::parse(parser).map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_is_read_and_one_file() {
        let expected = Options {
            file: "f".into(),
            at: Some(Duration::from_millis(12_500)),
            step: false,
            json: true,
        };
        assert_eq!(parse("--at 12.5s f --json"), Ok(expected));
        assert!(parse("f --step").unwrap().step);
        for (args, expected) in [
            ("", "FILE is missing: a record, as `rs2p node --record FILE` writes it"),
            ("a b", "unexpected argument `b`"),
            ("--stepp a", "unknown option `--stepp`; did you mean `--step`?"),
            ("--step --json a", "--step has no effect: --json prints one object, at the end"),
        ] {
            assert_eq!(parse(args), Err(expected.to_owned()));
        }
    }

    #[test]
    fn the_help_names_every_option() {
        for name in NAMES {
            assert!(HELP.contains(name), "{name}");
        }
        for line in HELP.lines() {
            assert!(line.len() <= 100, "{line}");
        }
    }
}

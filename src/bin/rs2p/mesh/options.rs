//! What the user asks of `rs2p mesh`.

use std::path::PathBuf;
use std::time::Duration;

use lexopt::Arg::Long;
use rs2p::Encryption;
use rs2p::sim::Topology;

use super::plan::{Plan, Wish};
use super::storm;
use crate::args::{self, UsageError};
use crate::encryption;
use crate::topology;

pub(crate) const SUMMARY: &str = "Run a whole mesh on this machine and check every delivery";

pub(crate) const HELP: &str = "\
rs2p mesh: run a whole mesh on this machine and check every delivery

Starts real nodes on 127.0.0.1 in one process, links them in a shape, and lets them broadcast
messages in turn: message 0 from node 0, message 1 from node 1, and so on. Every other node must
receive each message exactly once, and its sender not at all.

Usage: rs2p mesh [OPTIONS]

Options:
  --nodes N          Number of nodes, 1 to 512 (default 8)
  --topology SHAPE   line, ring, star, grid or random (default random)
  --degree D         Average number of neighbors in a random mesh, 1 to 511 (default 4);
                     a mesh is always connected, and has no link twice
  --messages M       Number of messages in all, 0 to 1000000 (default: for about 100000
                     deliveries, at most 10000)
  --for TIME         How long to send: 500ms, 30s, 2m, 1h. Alone, as many messages as the mesh
                     takes; with --messages, these evenly over the time
  --rate N           Messages a second in all, 1 to 1000000 (default: as fast as the mesh takes
                     them); for 10s unless --for or --messages tells the end
  --size BYTES       Contents of each message, 0 to 4193280 bytes that do not compress
                     (default 64; under rsa up to 64512)
  --encryption E     tls (default; each node makes a key for the run), plaintext or rsa
  --seed S           Choose links and contents as an earlier run did (default: by chance);
                     node ids, ports and times differ all the same
  --timeout SECONDS  Give up when nothing arrives for so long (default 10)
  --record DIR       Write down all that happens to each node, for `rs2p replay`: node-0.record and
                     so on in this folder, which is made if it is not there
  --chaos LIST       Make the network bad while messages are sent: see below; only in a build with
                     the feature `chaos`
  --json             Print one JSON object at the end instead of text
  -h, --help         Print this

With --messages all are sent, however long that takes. Without, the sending ends with the time;
messages that were due by then may be sent up to a second late. A mesh that is too slow for its
rate is told of, and is no failure.

On a terminal a view of the run is shown while it lasts; set TERM=dumb for plain lines, NO_COLOR=1
for no colors. Ctrl-C ends the sending, waits two seconds at most for what is on its way, closes
the mesh and shows what was found; a second Ctrl-C ends the program at once.

It needs about 4 open files a node, 5 with --record, and 2 a link. See `ulimit -n`. No more than 32
messages are on their way at once, so that nothing but the mesh can lose any.

Chaos: delay=20..200ms gives what arrives so much later, cut=1% and stall=1% break a connection, or
leave it unread for one to three seconds, with this likelihood in each second of its life, write=1
writes so many bytes at once, and bandwidth=100000 so many a second. What is drawn follows from the
seed. A cut link is made again, but what was on its way over it may be lost, and is counted without
judgement; still no node may get a message twice.

Exit code: 0 where every node got every message exactly once, 1 where not or where the mesh could
not be built, 2 where the arguments are wrong, 130 where Ctrl-C ended the run.

JSON: `ok`; `interrupted`, what Ctrl-C ended (bind, join or deliver) or null; `nodes`, `topology`,
`seed`, `size`, `encryption` as asked for; `messages`, the number that was to be sent, or null where
only the time was given; `for_us` and `rate` as asked for, or null; `behind`, whether the mesh was
slower than that; `links`; `degree` {min, mean, max}; `times_us` {bind, join, deliver, close, total}
in microseconds; `sent`, the messages sent; `deliveries` {expected, delivered, missing, duplicates,
echoes, strays, lagged}: echoes came back to their sender, strays were no message of this run,
lagged were discarded by a full inbox; `missing`, the first 100 messages that did not arrive
everywhere, as {message, sender, receivers}; `latency_us` {min, p50, p99, max} or null, from sending
to receipt; `wire` {frames, bytes, frames_per_delivery, bytes_per_delivery, duplicates, dropped,
refused} while messages were sent: duplicates were received again and dropped by the node, dropped
are those dropped for another reason, refused found a neighbor's queue full; `closed`, the nodes
whose connections all ended in good order; `chaos`, what the network did: {asked, cuts, stalls,
delayed, held_back}, or null. An error before there are results is on stderr only.

Examples:
  rs2p mesh
  rs2p mesh --nodes 64 --topology ring
  rs2p mesh --nodes 32 --degree 8 --messages 500 --size 10000
  rs2p mesh --nodes 16 --for 10s --rate 200
  rs2p mesh --encryption plaintext
  rs2p mesh --encryption plaintext --nodes 3 --messages 6 --record records
  rs2p mesh --seed 7 --json
";

/// Every option, for suggestions.
const NAMES: [&str; 14] = [
    "--nodes",
    "--topology",
    "--degree",
    "--messages",
    "--for",
    "--rate",
    "--size",
    "--encryption",
    "--seed",
    "--timeout",
    "--record",
    "--chaos",
    "--json",
    "--help",
];

const MAX_NODES: usize = 512;
const MAX_MESSAGES: u64 = 1_000_000;
const MAX_RATE: u64 = 1_000_000;

/// The default of the node's `max_frame_len`, less room for the header packets.
const MAX_SIZE: usize = (4 << 20) - (1 << 10);

/// The same under RSA.
const MAX_RSA_SIZE: usize = (64 << 10) - (1 << 10);

const DEFAULT_DEGREE: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) nodes: usize,
    pub(super) topology: Topology,
    /// What the user said of messages, rate and time.
    pub(super) wish: Wish,
    pub(super) plan: Plan,
    /// In bytes.
    pub(super) size: usize,
    pub(super) encryption: Encryption,
    pub(super) seed: Option<u64>,
    pub(super) timeout: Duration,
    /// The folder for what happens to each node.
    pub(super) record: Option<PathBuf>,
    /// What the network does to the nodes, as it was asked for.
    pub(super) chaos: Option<String>,
    pub(super) json: bool,
}

impl Options {
    pub(super) fn parse(mut parser: lexopt::Parser) -> Result<Self, UsageError> {
        let (mut nodes, mut size, mut timeout) = (8, 64, Duration::from_secs(10));
        let mut shape = Topology::Random { degree: 0 };
        let (mut degree, mut seed, mut wish) = (None, None, Wish::default());
        let (mut json, mut encryption, mut record, mut chaos) = (false, None, None, None);
        while let Some(arg) = parser.next()? {
            match arg {
                Long("nodes") => {
                    nodes = args::number("--nodes", &parser.value()?, &(1..=MAX_NODES))?;
                }
                Long("topology") => shape = topology::read("--topology", &parser.value()?)?,
                Long("degree") => {
                    let range = 1..=MAX_NODES - 1;
                    degree = Some(args::number("--degree", &parser.value()?, &range)?);
                }
                Long("messages") => {
                    let range = 0..=MAX_MESSAGES;
                    wish.messages = Some(args::number("--messages", &parser.value()?, &range)?);
                }
                Long("for") => wish.time = Some(args::time("--for", &parser.value()?)?),
                Long("rate") => {
                    wish.rate = Some(args::number("--rate", &parser.value()?, &(1..=MAX_RATE))?);
                }
                Long("size") => {
                    size = args::number("--size", &parser.value()?, &(0..=MAX_SIZE))?;
                }
                Long("encryption") => encryption = Some(encryption::read(&parser.value()?)?),
                Long("seed") => {
                    seed = Some(args::number("--seed", &parser.value()?, &(0..=u64::MAX))?);
                }
                Long("timeout") => timeout = args::seconds("--timeout", &parser.value()?)?,
                Long("record") => record = Some(PathBuf::from(parser.value()?)),
                Long("chaos") => chaos = Some(storm::read(&parser.value()?)?),
                Long("json") => json = true,
                other => return Err(args::refuse(other, &NAMES)),
            }
        }
        let topology = topology::with_degree(shape, degree, DEFAULT_DEGREE)?;
        let plan = Plan::new(wish, default_messages(nodes))?;
        let encryption = encryption::or_default(encryption)?;
        check_size(size, encryption)?;
        Ok(Self {
            nodes,
            topology,
            wish,
            plan,
            size,
            encryption,
            seed,
            timeout,
            record,
            chaos,
            json,
        })
    }
}

/// Whether a message of this size can be sent under this encryption.
fn check_size(size: usize, encryption: Encryption) -> Result<(), UsageError> {
    if encryption::word(encryption) == "rsa" && size > MAX_RSA_SIZE {
        let expected = format!("a number from 0 to {MAX_RSA_SIZE} under rsa");
        return Err(UsageError::BadValue { option: "--size", value: size.to_string(), expected });
    }
    Ok(())
}

/// A demonstration of a few seconds, whatever the number of nodes.
fn default_messages(node_count: usize) -> u64 {
    (100_000 / node_count.max(1) as u64).min(10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &str) -> Result<Options, String> {
        let parser = lexopt::Parser::from_args(args.split_whitespace());
        Options::parse(parser).map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_is_read_in_both_forms() {
        let all = "--nodes 3 --topology random --degree 2 --messages 5 --rate 9 --size 0 \
                   --encryption plaintext --seed 7 --timeout 1.5 --record d --json";
        let wish = Wish { messages: Some(5), rate: Some(9), time: None };
        let expected = Options {
            nodes: 3,
            topology: Topology::Random { degree: 2 },
            wish,
            plan: Plan::new(wish, 1).unwrap(),
            size: 0,
            encryption: Encryption::Plaintext,
            seed: Some(7),
            timeout: Duration::from_millis(1500),
            record: Some("d".into()),
            chaos: None,
            json: true,
        };
        assert_eq!(parse(all), Ok(expected.clone()));
        let with_equals = "--nodes=3 --degree=2 --messages=5 --rate=9 --size=0 --encryption=plaintext --seed=7 \
             --timeout=1.5 --record=d --json";
        assert_eq!(parse(with_equals), Ok(expected));
    }

    #[test]
    fn tls_is_the_default_of_a_build_that_has_it() {
        let without = "--encryption is missing: this build does not have the default, tls";
        let expected = Encryption::DEFAULT.ok_or_else(|| without.to_owned());
        assert_eq!(parse("").map(|options| options.encryption), expected);
    }

    #[cfg(feature = "rsa")]
    #[test]
    fn a_message_too_long_for_rsa_is_refused() {
        let most = parse("--encryption rsa --size 64512");
        assert_eq!(most.unwrap().encryption, Encryption::Rsa);
        let expected = "--size takes a number from 0 to 64512 under rsa, not `64513`";
        for args in ["--encryption rsa --size 64513", "--size 64513 --encryption rsa"] {
            assert_eq!(parse(args), Err(expected.to_owned()));
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn larger_meshes_get_fewer_messages_unless_asked() {
        let messages = |args: &str| parse(args).unwrap().plan.messages;
        assert_eq!([messages(""), messages("--nodes 128")], [Some(10_000), Some(781)]);
        assert_eq!(messages("--messages 9 --nodes 128"), Some(9));
        assert_eq!(messages("--for 500ms --rate 10"), Some(5));
        assert_eq!(messages("--for 500ms"), None);
    }

    #[test]
    fn the_order_of_degree_and_topology_does_not_matter() {
        let because = "--degree has no effect: the degrees of a ring are given by its shape";
        for args in ["--degree 2 --topology ring", "--topology ring --degree 2"] {
            assert_eq!(parse(args), Err(because.to_owned()));
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        for (args, expected) in [
            ("--nodes 0", "--nodes takes a number from 1 to 512, not `0`"),
            ("--nodes 513", "--nodes takes a number from 1 to 512, not `513`"),
            ("--size 4193281", "--size takes a number from 0 to 4193280, not `4193281`"),
            (
                "--topology cube",
                "--topology takes one of line, ring, star, grid, random, not `cube`",
            ),
            ("--noeds 3", "unknown option `--noeds`; did you mean `--nodes`?"),
            ("--for 30", "--for takes a time from 1ms to 24h as 500ms, 30s, 2m or 1h, not `30`"),
            ("--rate 0", "--rate takes a number from 1 to 1000000, not `0`"),
            (
                "--rate 5 --messages 5 --for 1s",
                "--rate has no effect: --messages and --for make the rate",
            ),
            ("--encryption ROT13", "--encryption takes one of plaintext, rsa, tls, not `ROT13`"),
            ("--frobnicate", "unknown option `--frobnicate`"),
            ("-n 3", "unknown option `-n`"),
            ("12", "unexpected argument `12`"),
            ("--nodes", "missing argument for option '--nodes'"),
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

    #[test]
    fn the_help_states_the_limits() {
        for limit in [
            format!("1 to {MAX_NODES}"),
            format!("0 to {MAX_SIZE}"),
            format!("up to {MAX_RSA_SIZE}"),
            format!("{MAX_MESSAGES}"),
        ] {
            assert!(HELP.contains(&limit), "{limit}");
        }
    }
}

//! What the user asks of `rs2p sim`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::Arg::Long;
use rs2p::Encryption;
use rs2p::sim::{Faults, Swarm, Topology};

use super::faults;
use crate::args::{self, UsageError};
use crate::encryption;
use crate::topology;

pub(crate) const SUMMARY: &str = "Simulate a mesh in virtual time, with faults, from one seed";

pub(crate) const HELP: &str = "\
rs2p sim: simulate a mesh in virtual time, with faults, from one seed

Runs the very nodes that run behind real sockets, in one thread, on virtual links (1 to 51 ms of
latency, 10 MB a second). The mesh comes up, and nodes broadcast messages in turn, evenly over the
time. Each message must reach every other node, and none may reach a node twice or changed, which
is checked at every delivery. The same arguments and seed give the same run, to the byte; only
figures of real time and memory differ.

Usage: rs2p sim [OPTIONS]
       rs2p sim --sweep COUNT [--seed S] [--strangers] [--shrink] [--json]
       rs2p sim --scenario LINE [--shrink] [--json]

Options:
  --nodes N         Number of nodes, 1 to 100000 (default 100)
  --topology SHAPE  line, ring, star, grid or random (default random)
  --degree D        Average number of neighbors in a random mesh, 1 to 511 (default 8)
  --seed S          The seed of everything (default: by chance, and shown)
  --messages M      Number of messages, 0 to 100000 (default 100)
  --size BYTES      Contents of each message, 0 to 4193280 bytes that do not compress (default 64)
  --encryption E    plaintext (default), tls or rsa: see below
  --for TIME        Virtual time over which they are sent: 500ms, 30s, 2m, 1h (default 30s)
  --faults LIST     What goes wrong meanwhile: cuts, partitions, pauses, crashes, clocks,
                    black-holes, clogs, stalls, resets and refusals, separated by commas, each with
                    =COUNT or once for every 20 nodes
  --trace FILE      Write what happened where and when to a file; takes memory for every line
  --sweep COUNT     Instead of one mesh, live through COUNT small scenarios, 1 to 1000000, whose
                    shapes, links and faults are drawn from the seeds S, S+1, and so on
  --strangers       Of each scenario of --sweep, draw also py2p nodes, hostile peers and machines
                    that are short of memory or open files
  --scenario LINE   Live through one such scenario, as --shrink shows it: seed=7,nodes=3,cuts=2
  --shrink          Of the first scenario that fails, look for a smaller one that fails alike, in up
                    to 500 attempts: fewer nodes, faults and messages, a shorter time, plain links
  --json            Print one JSON object at the end instead of text
  -h, --help        Print this

Faults: a cut breaks one connection. A partition comes between a group of up to half of the nodes
and the others, and the end of one is the end of all; a black-hole swallows one direction of a link,
a pause stops a node, a crash ends it without warning; all of these end after up to a third of the
time, a pause after 40 s at most. A clock step is one of up to 25 s. A clogged link passes nothing
for up to 5 s and then everything, a stalled node reads nothing from one neighbor for up to 15 s, a
reset ends a connection at one end and later at the other, a refusal is of the next dial to a node.
What is sent while faults are on may miss nodes that are away, and is counted without judgement.
Then the faults stop, the mesh has up to 15 minutes of virtual time to come together, and 10 last
messages must reach every node.

Encryption: a mesh does the same under each, so plaintext is the default here, which costs least and
repeats to the byte. Under tls a link takes some 2 ms and 240 KiB more; the nodes' keys follow from
the seed, but TLS draws more of its own: the figures repeat, `trace_hash` does not. Under rsa every
message takes milliseconds, and has 64 KiB at most.

Exit code: 0 where every check held and everything arrived that has to, 1 where not, 2 where the
arguments are wrong.

JSON: `ok`; `failure`, the failed check with the last lines of the trace, or null; `nodes`,
`topology`, `seed`, `messages`, `size`, `encryption`, `for_us`, `faults` as asked for; `links`
{wanted, up}; `degree` {min, mean, max}; `sent`; `deliveries` {expected, delivered, missing, twice};
`after` {links_up, sent, expected, delivered, missing} or null, the last messages where there were
faults; `latency_us` {min, p50, p99, max} or null; `hops` {mean, max} or null; `wire` {frames,
bytes, duplicates, dropped, refused, frames_per_delivery, bytes_per_delivery,
duplicates_per_delivery} of all nodes since the mesh was up; `arrivals`, pieces of streams that
arrived; `virtual_us` {join, total}; `trace_hash`; `real` {us, arrivals_per_second,
memory_per_node}, with bytes or null for the memory. With --sweep or --scenario: `ok`, `seed`,
`count`, `failed` [{seed, scenario, failure, shrunk}], `deliveries`, `arrivals`, `real` {us};
`scenario` is a line for --scenario, and `shrunk` is null or {scenario, failure, attempts}.

Examples:
  rs2p sim
  rs2p sim --nodes 1000 --seed 7
  rs2p sim --nodes 50 --topology grid --faults cuts=20,partitions=2,crashes --for 2m
  rs2p sim --nodes 20 --messages 5 --seed 7 --json
  rs2p sim --nodes 30 --encryption tls --faults cuts,crashes
  rs2p sim --sweep 20 --seed 1
  rs2p sim --sweep 20 --seed 1 --strangers --shrink
  rs2p sim --scenario seed=7,nodes=3,cuts=2,actions=5,topology=ring
";

/// Every option, for suggestions.
const NAMES: [&str; 16] = [
    "--nodes",
    "--topology",
    "--degree",
    "--seed",
    "--messages",
    "--size",
    "--encryption",
    "--for",
    "--faults",
    "--trace",
    "--sweep",
    "--scenario",
    "--shrink",
    "--strangers",
    "--json",
    "--help",
];

const MAX_NODES: usize = 100_000;
const MAX_DEGREE: usize = 511;
const MAX_MESSAGES: u64 = 100_000;
const MAX_SWEEP: u64 = 1_000_000;

/// The default of the node's `max_frame_len`, less room for the header packets.
const MAX_SIZE: usize = (4 << 20) - (1 << 10);

const DEFAULT_DEGREE: usize = 8;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Options {
    pub(super) nodes: usize,
    pub(super) topology: Topology,
    pub(super) seed: Option<u64>,
    pub(super) messages: u64,
    /// In bytes.
    pub(super) size: usize,
    pub(super) encryption: Encryption,
    /// Virtual.
    pub(super) time: Duration,
    pub(super) faults: Faults,
    pub(super) trace: Option<PathBuf>,
    pub(super) sweep: Option<u64>,
    pub(super) strangers: bool,
    pub(super) scenario: Option<Swarm>,
    pub(super) shrink: bool,
    pub(super) json: bool,
}

impl Options {
    pub(super) fn parse(mut parser: lexopt::Parser) -> Result<Self, UsageError> {
        let mut options = Self {
            nodes: 100,
            topology: Topology::Random { degree: 0 },
            seed: None,
            messages: 100,
            size: 64,
            encryption: Encryption::Plaintext,
            time: Duration::from_secs(30),
            faults: Faults::default(),
            trace: None,
            sweep: None,
            strangers: false,
            scenario: None,
            shrink: false,
            json: false,
        };
        let (mut degree, mut faults, mut given) = (None, None, Vec::new());
        while let Some(arg) = parser.next()? {
            if let Long(name) = arg {
                given.extend(NAMES.iter().find(|known| known.strip_prefix("--") == Some(name)));
            }
            match arg {
                Long("degree") => {
                    degree = Some(args::number("--degree", &parser.value()?, &(1..=MAX_DEGREE))?);
                }
                Long("faults") => faults = Some(parser.value()?),
                Long("json") => options.json = true,
                Long("shrink") => options.shrink = true,
                Long("strangers") => options.strangers = true,
                Long(name) => {
                    let name = name.to_owned();
                    options.set(&name, &mut parser)?;
                }
                other => return Err(args::refuse(other, &NAMES)),
            }
        }
        options.topology = topology::with_degree(options.topology, degree, DEFAULT_DEGREE)?;
        if let Some(list) = faults {
            options.faults = faults::read(&list, options.nodes)?;
        }
        options.check_sweep(&given)?;
        Ok(options)
    }

    /// Reads an option that has a value of its own.
    fn set(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), UsageError> {
        match name {
            "nodes" => self.nodes = args::number("--nodes", &parser.value()?, &(1..=MAX_NODES))?,
            "topology" => self.topology = topology::read("--topology", &parser.value()?)?,
            "seed" => {
                self.seed = Some(args::number("--seed", &parser.value()?, &(0..=u64::MAX))?);
            }
            "messages" => {
                self.messages = args::number("--messages", &parser.value()?, &(0..=MAX_MESSAGES))?;
            }
            "size" => self.size = args::number("--size", &parser.value()?, &(0..=MAX_SIZE))?,
            "encryption" => self.encryption = encryption::read(&parser.value()?)?,
            "for" => self.time = args::time("--for", &parser.value()?)?,
            "trace" => self.trace = Some(parser.value()?.into()),
            "sweep" => {
                self.sweep = Some(args::number("--sweep", &parser.value()?, &(1..=MAX_SWEEP))?);
            }
            "scenario" => self.scenario = Some(read_scenario(&parser.value()?)?),
            other => return Err(args::refuse(Long(other), &NAMES)),
        }
        Ok(())
    }

    fn check_sweep(&self, given: &[&'static str]) -> Result<(), UsageError> {
        let (fitting, because): (&[&str], _) = match (&self.scenario, self.sweep) {
            (Some(_), _) => (&["--scenario", "--shrink", "--json"], "--scenario says it all"),
            (None, Some(_)) => (
                &["--sweep", "--seed", "--strangers", "--shrink", "--json"],
                "--sweep draws all but the seed",
            ),
            (None, None) => {
                let of_sweep = [
                    ("--shrink", self.shrink, "it takes --sweep or --scenario"),
                    ("--strangers", self.strangers, "it takes --sweep"),
                ];
                return match of_sweep.into_iter().find(|(_, is_given, _)| *is_given) {
                    Some((option, _, because)) => {
                        Err(UsageError::Useless { option, because: because.to_owned() })
                    }
                    None => Ok(()),
                };
            }
        };
        match given.iter().find(|name| !fitting.contains(name)) {
            Some(option) => Err(UsageError::Useless { option, because: because.to_owned() }),
            None => Ok(()),
        }
    }

    pub(super) fn has_faults(&self) -> bool {
        self.faults != Faults::default()
    }

    /// The command line that repeats this run.
    pub(super) fn command(&self, seed: u64) -> String {
        let Self { nodes, topology, messages, size, encryption, time, .. } = self;
        let mut text = format!("rs2p sim --nodes {nodes} --topology {}", topology.name());
        if let Topology::Random { degree } = topology {
            text.push_str(&format!(" --degree {degree}"));
        }
        text.push_str(&format!(
            " --seed {seed} --messages {messages} --size {size} --for {}ms",
            time.as_millis()
        ));
        if *encryption != Encryption::Plaintext {
            text.push_str(&format!(" --encryption {}", encryption::word(*encryption)));
        }
        if self.has_faults() {
            text.push_str(&format!(" --faults {}", faults::list(&self.faults)));
        }
        text
    }
}

fn read_scenario(value: &OsString) -> Result<Swarm, UsageError> {
    let text = value.to_string_lossy();
    text.parse().map_err(|error| UsageError::BadValue {
        option: "--scenario",
        value: text.into_owned(),
        expected: format!("a line as --shrink shows it ({error})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &str) -> Result<Options, String> {
        let parser = lexopt::Parser::from_args(args.split_whitespace());
        Options::parse(parser).map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_is_read_and_a_run_names_its_own_command() {
        let all = "--nodes 3 --topology random --degree 2 --seed 7 --messages 5 --size 0 \
                   --for 1500ms --faults cuts=2,pauses=1";
        let expected = Options {
            nodes: 3,
            topology: Topology::Random { degree: 2 },
            seed: Some(7),
            messages: 5,
            size: 0,
            encryption: Encryption::Plaintext,
            time: Duration::from_millis(1500),
            faults: Faults { cuts: 2, pauses: 1, ..Faults::default() },
            trace: None,
            sweep: None,
            strangers: false,
            scenario: None,
            shrink: false,
            json: false,
        };
        assert_eq!(parse(all), Ok(expected.clone()));
        assert_eq!(expected.command(7), format!("rs2p sim {all}"));
        let more = Options { trace: Some("t".into()), json: true, ..expected };
        assert_eq!(parse(&format!("--trace t --json {all}")), Ok(more));
    }

    #[test]
    fn faults_go_by_the_number_of_nodes_wherever_it_stands() {
        for args in ["--faults cuts --nodes 60", "--nodes 60 --faults cuts"] {
            assert_eq!(parse(args).unwrap().faults.cuts, 3);
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        for (args, expected) in [
            ("--nodes 0", "--nodes takes a number from 1 to 100000, not `0`"),
            ("--for 30", "--for takes a time from 1ms to 24h as 500ms, 30s, 2m or 1h, not `30`"),
            ("--sweep 0", "--sweep takes a number from 1 to 1000000, not `0`"),
            ("--encryption ROT13", "--encryption takes one of plaintext, rsa, tls, not `ROT13`"),
            ("--sweep 5 --nodes 3", "--nodes has no effect: --sweep draws all but the seed"),
            ("--scenario seed=1 --seed 3", "--seed has no effect: --scenario says it all"),
            ("--nodes 3 --shrink", "--shrink has no effect: it takes --sweep or --scenario"),
            ("--strangers", "--strangers has no effect: it takes --sweep"),
            (
                "--scenario nodes=1",
                "--scenario takes a line as --shrink shows it (a scenario begins with \
                 seed=NUMBER), not `nodes=1`",
            ),
            (
                "--degree 2 --topology ring",
                "--degree has no effect: the degrees of a ring are given by its shape",
            ),
            ("--noeds 3", "unknown option `--noeds`; did you mean `--nodes`?"),
            ("--frobnicate", "unknown option `--frobnicate`"),
            ("12", "unexpected argument `12`"),
        ] {
            assert_eq!(parse(args), Err(expected.to_owned()));
        }
        assert!(parse("--sweep 5 --seed 1 --strangers --shrink --json").is_ok());
        assert!(parse("--scenario seed=1 --shrink --json").is_ok());
    }

    #[test]
    fn the_help_names_every_option_and_the_limits() {
        for name in NAMES {
            assert!(HELP.contains(name), "{name}");
        }
        for line in HELP.lines() {
            assert!(line.len() <= 100, "{line}");
        }
        for limit in [
            format!("1 to {MAX_NODES}"),
            format!("1 to {MAX_DEGREE}"),
            format!("0 to {MAX_MESSAGES}"),
            format!("0 to {MAX_SIZE}"),
            format!("1 to {MAX_SWEEP}"),
            format!("to {} attempts", super::super::sweep::MAX_ATTEMPTS),
        ] {
            assert!(HELP.contains(&limit), "{limit}");
        }
    }
}

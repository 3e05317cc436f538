//! What the user asks of `rs2p node`.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg::Long;
use rs2p::{Address, Compressions, Encryption};

use crate::args::{self, UsageError};
use crate::encryption;
use crate::methods;

pub(crate) const SUMMARY: &str = "Run one node: a chat for people, JSON lines for programs";

pub(crate) const HELP: &str = "\
rs2p node: run one node of a mesh on this terminal

Opens a node and, with --connect, joins a mesh through any of its nodes. A line that you type goes
to every node of the mesh, and their messages appear above it. Lines that begin with a slash are
commands: /peers, /whisper, /reply, /locate, /connect, /stats, /explain, /record, /quit; /help
explains them. Ctrl-C or Ctrl-D leaves the mesh. Input and output may also be files or pipes: then
lines are sent as they are read, and the end of the input closes the node.

Connections are encrypted by TLS, and a node's id is made of a key that it proves to its neighbors.
The key is kept in the file of --identity, or is a new one each time. Nodes of py2p are met under
--encryption plaintext, which hides and proves nothing, or under rsa, py2p's own, which proves no
more: there a message is marked (unproven), and anybody may have made it. All nodes of a mesh have
the same encryption.

Usage: rs2p node [OPTIONS]

Options:
  --bind ADDR         Where to listen, as HOST:PORT; port 0 lets the operating system choose
                      (default 127.0.0.1:0, which only this machine reaches)
  --connect ADDR      Keep a connection to the node at HOST:PORT: dial it again whenever it is
                      gone; may be given several times
  --subnet S          The name that keeps this mesh apart from others (default mesh)
  --encryption E      tls (default), plaintext or rsa
  --identity FILE     Keep the node's key in a file, and its id with it: made if it is not there,
                      and its owner's alone; only under tls
  --secret-file FILE  Have nobody for a neighbor who does not prove to know the secret in this file,
                      as `rs2p keygen --secret` makes it; only under tls
  --address-book FILE Keep the addresses of other nodes in a file, from run to run: read if it is
                      there, and written when the node is closed
  --out-addr ADDR     Where others can reach this node, if that is not where it listens
  --compression LIST  Compression methods to use, the preferred first: gzip, bz2, lzma with commas
                      between them, or none (default: all that this program was built with)
  --max-outgoing N    Dial nodes that others tell of up to N connections, 0 to 1000 (default 8)
  --record FILE       Write down all that happens to the node, for `rs2p replay`; not its keys, but,
                      under plaintext, all that is said
  --redact            With --record: leave out what is said, all but its length
  --json              Obey JSON commands on stdin and print JSON on stdout, a line each
  --no-events         With --json: print answers only; messages wait for `recv`
  -h, --help          Print this

Exit code: 0 where the node was closed and all that it had sent was taken by its neighbors, 1 where
something was left unsent, a line that nobody could be told among it, the node could not be opened,
or its output or its address book could not be written, 2 where the arguments are wrong. A second
Ctrl-C ends the program at once, with 130.

JSON: the first line is {\"event\": \"ready\"} with `id`, `addr` [host, port], `out_addr`, `protocol`
[subnet, encryption], `authenticated`, whether neighbors prove their ids, `protocol_id`,
`compression`, `pid`. Each command is one line {\"cmd\": NAME,
\"tag\": anything, ...}, at most 20 MiB, and is answered by {\"answer\": NAME, \"tag\": the same, \"ok\":
true, ...}, or by \"ok\": false with `error`, a word, and `text`. Commands are done in order.
  connect     addr, port [, id]         `result`: false for the own address and for neighbors;
                                        `id` of who answered, or `note` why it did not last
  send        packets [, type]          broadcast; `queued` and `refused` count neighbors
  whisper     to, packets [, flag]      to a neighbor
  raw         to, main, packets         any message to a neighbor; the first packet is the sub-flag
  bytes       to, hex                   any bytes to a neighbor
  recv        [timeout] [, max]         `messages` not received before; waits for one in seconds
  reply       n, packets                whispers to the sender of message n, near or far
  request     what [, rid]              asks where a node is, or with \"*\" for peers; without rid
                                        the event `located` tells the outcome
  renegotiate to, methods               asks a neighbor to compress by these from now on
  setcomp     to, methods               compresses by these from now on, without a word
  resend      to                        asks a neighbor to say its last message again
  peers | pending | waterfalls          neighbors, open questions, messages passed on last
  disconnect  to                        ends a connection; one of --connect is dialled again
  status | clearstatus                  \"Nominal\" or [[kind, text, address], ..], and forgets them
  stats                                 what was counted, by name, where it is not 0
  explain     id                        what became of a message: from whom it came first and again,
                                        to whom it went; null where it is not remembered
  record      of                        what lately went wrong with a node, or mattered
  id | ping | quit
Packets are \"packets\", texts, or \"packets_hex\". A message has a number `n`, `main`, `sender`,
`sender_hex`, `id`, `time`, `packets` (null where one is no UTF-8), `packets_hex`,
`authenticated`, whether its sender is proven to have made it, `compression_fail`, and `at`, when it
came. The last 4096 messages, and of those 64 MiB, can be received or replied to; `lost` in `status`
counts those that were discarded unread. One `recv` takes up to 8 MiB of messages; the next one goes
on.
Events: ready, message, peer_join, peer_leave, exception, located, clock_suspect, bye.

Examples:
  rs2p node
  rs2p node --connect 127.0.0.1:4444
  rs2p node --bind 0.0.0.0:4444 --subnet garden --identity garden.key
  rs2p node --secret-file garden.secret
  rs2p node --connect 127.0.0.1:4444 --address-book garden.book
  rs2p node --encryption plaintext
  rs2p node --encryption plaintext --record node.record
  echo hello | rs2p node --connect 127.0.0.1:4444
  rs2p node --json --connect 127.0.0.1:4444
";

/// Every option, for suggestions.
const NAMES: [&str; 15] = [
    "--bind",
    "--connect",
    "--subnet",
    "--encryption",
    "--identity",
    "--secret-file",
    "--address-book",
    "--out-addr",
    "--compression",
    "--max-outgoing",
    "--record",
    "--redact",
    "--json",
    "--no-events",
    "--help",
];

const MAX_OUTGOING: usize = 1_000;

pub(super) const DEFAULT_SUBNET: &str = "mesh";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) bind: String,
    /// Addresses to keep connections to.
    pub(super) connect: Vec<String>,
    pub(super) subnet: String,
    pub(super) encryption: Encryption,
    /// The file of the node's key.
    pub(super) identity: Option<PathBuf>,
    /// The file of the mesh's secret.
    pub(super) secret: Option<PathBuf>,
    /// The file of the addresses of others.
    pub(super) book: Option<PathBuf>,
    pub(super) out_addr: Option<Address>,
    pub(super) compressions: Compressions,
    pub(super) max_outgoing: usize,
    /// The file for what happens to the node.
    pub(super) record: Option<PathBuf>,
    pub(super) redact: bool,
    pub(super) json: bool,
    pub(super) events: bool,
}

impl Options {
    /// The defaults under an encryption.
    fn new(encryption: Encryption) -> Self {
        Self {
            bind: "127.0.0.1:0".to_owned(),
            connect: Vec::new(),
            subnet: DEFAULT_SUBNET.to_owned(),
            encryption,
            identity: None,
            secret: None,
            book: None,
            out_addr: None,
            compressions: Compressions::supported(),
            max_outgoing: 8,
            record: None,
            redact: false,
            json: false,
            events: true,
        }
    }

    pub(super) fn parse(mut parser: lexopt::Parser) -> Result<Self, UsageError> {
        let (mut encryption, mut options) = (None, Self::new(Encryption::Plaintext));
        while let Some(arg) = parser.next()? {
            match arg {
                Long("encryption") => encryption = Some(encryption::read(&parser.value()?)?),
                Long("json") => options.json = true,
                Long("redact") => options.redact = true,
                Long("no-events") => options.events = false,
                Long(name) => {
                    let name = name.to_owned();
                    options.set(&name, &mut parser)?;
                }
                other => return Err(args::refuse(other, &NAMES)),
            }
        }
        options.encryption = encryption::or_default(encryption)?;
        options.check()?;
        Ok(options)
    }

    /// Reads an option that has a value of its own.
    fn set(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), UsageError> {
        match name {
            "bind" => self.bind = host_and_port("--bind", &parser.value()?, 0)?,
            "connect" => self.connect.push(host_and_port("--connect", &parser.value()?, 1)?),
            "subnet" => self.subnet = text("--subnet", &parser.value()?)?,
            "identity" => self.identity = Some(parser.value()?.into()),
            "secret-file" => self.secret = Some(parser.value()?.into()),
            "record" => self.record = Some(parser.value()?.into()),
            "address-book" => self.book = Some(parser.value()?.into()),
            "out-addr" => self.out_addr = Some(address("--out-addr", &parser.value()?)?),
            "compression" => {
                self.compressions = methods::read("--compression", &parser.value()?)?;
            }
            "max-outgoing" => {
                let range = 0..=MAX_OUTGOING;
                self.max_outgoing = args::number("--max-outgoing", &parser.value()?, &range)?;
            }
            other => return Err(args::refuse(Long(other), &NAMES)),
        }
        Ok(())
    }

    /// Whether everything that was said has an effect.
    fn check(&self) -> Result<(), UsageError> {
        let useless = |option, because: String| Err(UsageError::Useless { option, because });
        if !self.encryption.is_authenticated() {
            let word = encryption::word(self.encryption);
            if self.identity.is_some() {
                return useless("--identity", format!("under {word} no node proves its id"));
            }
            if self.secret.is_some() {
                return useless("--secret-file", format!("under {word} no node proves anything"));
            }
        }
        if self.redact && self.record.is_none() {
            return useless("--redact", "without --record nothing is written down".to_owned());
        }
        if !self.events && !self.json {
            return useless("--no-events", "without --json there are no events".to_owned());
        }
        Ok(())
    }
}

fn bad(option: &'static str, value: &OsString, expected: &str) -> UsageError {
    let value = value.to_string_lossy().into_owned();
    UsageError::BadValue { option, value, expected: expected.to_owned() }
}

fn text(option: &'static str, value: &OsString) -> Result<String, UsageError> {
    value.to_str().map(str::to_owned).ok_or_else(|| bad(option, value, "text"))
}

/// Reads an address whose host may be a name. What it means is found out when it is used.
fn host_and_port(
    option: &'static str,
    value: &OsString,
    least_port: u16,
) -> Result<String, UsageError> {
    split(value)
        .filter(|(_, port)| *port >= least_port)
        .map(|_| value.to_string_lossy().into_owned())
        .ok_or_else(|| bad(option, value, "an address as 127.0.0.1:4444, [::1]:4444 or name:4444"))
}

fn address(option: &'static str, value: &OsString) -> Result<Address, UsageError> {
    let expected = "an address as 192.0.2.1:4444, [2001:db8::1]:4444 or name:4444";
    match split(value) {
        Some((host, port)) if port > 0 => Ok(Address { host: host.to_owned(), port }),
        _ => Err(bad(option, value, expected)),
    }
}

/// The host, without the brackets around an IPv6 address, and the port.
fn split(value: &OsString) -> Option<(&str, u16)> {
    let (host, port) = value.to_str()?.rsplit_once(':')?;
    let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_host = !host.is_empty() && !host.chars().any(char::is_whitespace);
    match inside {
        Some(inside) => Some((inside, port.parse().ok()?)),
        None if is_host && !host.contains(':') => Some((host, port.parse().ok()?)),
        None => None,
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
    fn every_option_is_read() {
        let all = "--bind [::1]:0 --connect a:1 --connect=127.0.0.1:2 --subnet s --encryption \
                   plaintext --address-book book --out-addr [2001:db8::1]:7 --compression gzip \
                   --max-outgoing 3 --record r --redact --json --no-events";
        let expected = Options {
            bind: "[::1]:0".to_owned(),
            connect: vec!["a:1".to_owned(), "127.0.0.1:2".to_owned()],
            subnet: "s".to_owned(),
            encryption: Encryption::Plaintext,
            identity: None,
            secret: None,
            book: Some("book".into()),
            out_addr: Some(Address { host: "2001:db8::1".to_owned(), port: 7 }),
            compressions: Compressions::from_names(["gzip"]),
            max_outgoing: 3,
            record: Some("r".into()),
            redact: true,
            json: true,
            events: false,
        };
        assert_eq!(parse(all), Ok(expected));
        let plain = Options::new(Encryption::Plaintext);
        assert_eq!(parse("--encryption Plaintext"), Ok(plain.clone()));
        let none = parse("--encryption plaintext --compression none");
        assert_eq!(none, Ok(Options { compressions: Compressions::NONE, ..plain }));
    }

    #[test]
    fn tls_is_the_default_of_a_build_that_has_it() {
        let without = "--encryption is missing: this build does not have the default, tls";
        let expected = Encryption::DEFAULT.map(Options::new).ok_or_else(|| without.to_owned());
        assert_eq!(parse(""), expected);
    }

    #[cfg(feature = "tls")]
    #[test]
    fn an_identity_and_a_secret_are_files() {
        let (identity, secret) = (Some("some/where".into()), Some("else".into()));
        let expected = Options { identity, secret, ..Options::new(Encryption::Tls) };
        assert_eq!(parse("--identity some/where --secret-file else"), Ok(expected));
    }

    #[test]
    fn wrong_arguments_are_named() {
        let addresses = "an address as 127.0.0.1:4444, [::1]:4444 or name:4444";
        for addr in ["4444", ":1", "a:", "a:b", "a:65536", "::1:4", "a:0", ""] {
            let error = parse(&format!("--connect={addr}")).unwrap_err();
            assert_eq!(error, format!("--connect takes {addresses}, not `{addr}`"));
        }
        for (args, expected) in [
            ("--encryption ROT13", "--encryption takes one of plaintext, rsa, tls, not `ROT13`"),
            (
                "--encryption plaintext --identity key",
                "--identity has no effect: under plaintext no node proves its id",
            ),
            (
                "--secret-file file --encryption plaintext",
                "--secret-file has no effect: under plaintext no node proves anything",
            ),
            ("--max-outgoing 1001", "--max-outgoing takes a number from 0 to 1000, not `1001`"),
            (
                "--encryption plaintext --no-events",
                "--no-events has no effect: without --json there are no events",
            ),
            ("--conect a:1", "unknown option `--conect`; did you mean `--connect`?"),
            ("hello", "unexpected argument `hello`"),
        ] {
            assert_eq!(parse(args), Err(expected.to_owned()), "{args}");
        }
        assert!(parse("--out-addr a:0").is_err());
        for list in ["", "zip", "gzip,", "gzip,zip", "none,gzip"] {
            let error = parse(&format!("--compression={list}")).unwrap_err();
            assert!(error.starts_with("--compression takes gzip, "), "{error}");
        }
    }
}

//! The head of a record: what its node was made of.

use super::given::{read_wall, wall_text};
use super::words::{
    Hex, methods, read_hex, read_id, read_methods, read_rule, read_word, rule, word,
};
use crate::error::ConfigError;
use crate::node::{Compress, Config, Node, PLAINTEXT, Signatures};
use crate::time::{Instant, UnixTime};
use crate::wire::{Address, Protocol};

/// The first line of every record, with the version of its form.
pub(super) const FIRST_LINE: &str = "rs2p record 1";

/// What a node was made of: all but its keys and its secrets.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    /// What all its random choices come from; `None` where it would tell of keys.
    seed: Option<[u8; 32]>,
    started: Instant,
    wall: UnixTime,
    pub(crate) config: Config,
    /// Whether a function of the user's has judged who may join. No record holds one.
    has_admission: bool,
    /// Whether what users said is not in it.
    pub(crate) is_redacted: bool,
}

impl Header {
    pub(crate) fn new(
        config: &Config,
        seed: [u8; 32],
        started: Instant,
        wall: UnixTime,
        is_redacted: bool,
    ) -> Self {
        let mut config = config.clone();
        let has_admission = config.admission.take().is_some();
        #[cfg(feature = "tls")]
        {
            config.identity = None;
            config.secret = None;
        }
        let seed = (config.protocol.encryption() == PLAINTEXT).then_some(seed);
        Self { seed, started, wall, config, has_admission, is_redacted }
    }

    /// The head of a record that is about to be read.
    pub(super) fn empty() -> Self {
        Self {
            seed: None,
            started: Instant::ZERO,
            wall: UnixTime::default(),
            config: Config::new(Protocol::new("mesh", PLAINTEXT)),
            has_admission: false,
            is_redacted: false,
        }
    }

    /// All lines, each with its end.
    pub(crate) fn text(&self) -> String {
        let Self { config, started, .. } = self;
        let mut lines = vec![FIRST_LINE.to_owned()];
        let mut add = |name: &str, value: &dyn std::fmt::Display| {
            lines.push(format!("{name} {value}"));
        };
        if let Some(seed) = &self.seed {
            add("seed", &Hex(seed));
        }
        add("start", &started.as_nanos());
        add("wall", &wall_text(self.wall));
        add("subnet", &word(config.protocol.subnet()));
        add("encryption", &word(config.protocol.encryption()));
        if let Some(Address { host, port }) = &config.out_addr {
            add("out_addr", &format_args!("{} {port}", word(host)));
        }
        if let Some(id) = &config.id {
            add("id", id);
        }
        add("signatures", &signatures_word(config.signatures));
        add("compressions", &methods(config.compressions));
        add("compress", &config.compress.name());
        add("extension", &config.extension);
        add("counts_private", &config.counts_private);
        for it in &config.rules {
            add("rule", &rule(it));
        }
        for (name, value) in config.limits.by_name() {
            add("limit", &format_args!("{name} {value}"));
        }
        if self.has_admission {
            add("admission", &"function");
        }
        if self.is_redacted {
            add("payloads", &"redacted");
        }
        lines.push(String::new());
        lines.join("\n")
    }

    /// Reads a line behind the first; `None` where it says nothing of a node.
    pub(super) fn read(&mut self, line: &str) -> Option<()> {
        let (name, value) = line.split_once(' ')?;
        let config = &mut self.config;
        match name {
            "seed" => self.seed = Some(read_hex(value)?.try_into().ok()?),
            "start" => self.started = Instant::from_nanos(value.parse().ok()?),
            "wall" => self.wall = read_wall(value)?,
            "subnet" => {
                let subnet = read_word(value)?;
                config.protocol = Protocol::new(&subnet, config.protocol.encryption());
            }
            "encryption" => {
                let name = read_word(value)?;
                config.protocol = Protocol::new(config.protocol.subnet(), &name);
            }
            "out_addr" => {
                let (host, port) = value.split_once(' ')?;
                let address = Address { host: read_word(host)?, port: port.parse().ok()? };
                config.out_addr = Some(address);
            }
            "id" => config.id = Some(read_id(value)?),
            "signatures" => {
                let all = [Signatures::WhereProven, Signatures::Always, Signatures::Never];
                config.signatures = all.into_iter().find(|it| signatures_word(*it) == value)?;
            }
            "compressions" => config.compressions = read_methods(value)?,
            "compress" => config.compress = Compress::parse(value)?,
            "extension" => config.extension = value.parse().ok()?,
            "counts_private" => config.counts_private = value.parse().ok()?,
            // More are refused when the node is made.
            "rule" if config.rules.len() <= 1 << 14 => config.rules.push(read_rule(value)?),
            "limit" => {
                let (name, value) = value.split_once(' ')?;
                config.limits.set(name, value.parse().ok()?).then_some(())?;
            }
            "admission" => self.has_admission = (value == "function").then_some(true)?,
            "payloads" => self.is_redacted = (value == "redacted").then_some(true)?,
            _ => return None,
        }
        Some(())
    }

    /// When the node was made, on its time line.
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// Why the node cannot be had again; `None` where it can.
    pub(super) fn obstacle(&self) -> Option<&'static str> {
        if self.config.protocol.encryption() != PLAINTEXT {
            Some("its encryption draws keys and entropy that no record holds")
        } else if self.seed.is_none() {
            Some("the record has no seed")
        } else {
            None
        }
    }

    /// What may make the node decide otherwise than in its life.
    pub(super) fn doubts(&self) -> impl Iterator<Item = &'static str> {
        let admission = "a function judged who may join, and here everybody may";
        let redacted = "what users said is replaced, and what came compressed stands there plain";
        let found = [(self.has_admission, admission), (self.is_redacted, redacted)];
        found.into_iter().filter_map(|(is_so, text)| is_so.then_some(text))
    }

    /// The node as it was made.
    pub(super) fn make(&self) -> Result<Node, ConfigError> {
        let seed = self.seed.unwrap_or_default();
        Node::new(self.config.clone(), seed, self.started, self.wall)
    }
}

fn signatures_word(signatures: Signatures) -> &'static str {
    match signatures {
        Signatures::WhereProven => "where-proven",
        Signatures::Always => "always",
        Signatures::Never => "never",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Rule, RuleKind};
    use crate::wire::Compressions;
    use std::time::Duration;

    fn read(text: &str) -> Header {
        let mut header = Header::empty();
        for line in text.lines().skip(1) {
            assert_eq!(header.read(line), Some(()), "{line}");
        }
        header
    }

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let mut config = Config::new(Protocol::new("my mesh", PLAINTEXT));
        config.out_addr = Some(Address { host: "a host".into(), port: 7 });
        config.id = "me".parse().ok();
        config.compressions = Compressions::NONE;
        config.compress = Compress::Never;
        config.signatures = Signatures::Never;
        config.extension = false;
        config.counts_private = true;
        let lifetime = Some(Duration::from_secs(5));
        let subject = "10.0.0.0/8".parse::<crate::node::Network>().unwrap().into();
        config.rules.push(Rule { kind: RuleKind::Deny, subject, lifetime });
        config.limits.max_frame_len = 5_000;
        config.limits.stall_timeout = Duration::from_millis(1_234);
        let wall = UnixTime::from_secs(5) + Duration::from_nanos(6);
        let text = Header::new(&config, [7; 32], Instant::from_nanos(9), wall, true).text();
        let again = read(&text);
        assert_eq!(again.text(), text);
        assert_eq!(again.config.limits, config.limits);
        assert_eq!(again.config.protocol.subnet(), "my mesh");
        assert_eq!((again.started, again.wall), (Instant::from_nanos(9), wall));
        assert_eq!(again.obstacle(), None);
    }

    #[test]
    fn no_seed_is_written_down_where_it_would_tell_of_keys() {
        for encryption in [crate::node::PKCS1, crate::node::TLS] {
            let config = Config::new(Protocol::new("mesh", encryption));
            let header = Header::new(&config, [7; 32], Instant::ZERO, UnixTime::default(), false);
            assert!(!header.text().contains("seed") && !header.text().contains("0707"));
            assert!(read(&header.text()).obstacle().is_some());
        }
    }

    #[test]
    fn what_says_nothing_of_a_node_is_refused() {
        for bad in [
            "",
            "seed",
            "seed 00",
            "limit max_frobs 3",
            "limit max_incoming x",
            "extension maybe",
            "rule allow id:me",
            "payloads whole",
            "identity 00",
        ] {
            assert_eq!(Header::empty().read(bad), None, "{bad}");
        }
    }
}

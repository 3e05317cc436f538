//! A bad network on demand: the simulator's faults of links, between a real node and its sockets.
//!
//! What is drawn follows from a seed, a node's turn and a connection's number; what it does to a run
//! follows from real time, and differs. The options are types of their own and not the simulator's,
//! which no driver may know: there a fault comes so many times in a scenario, here by chance.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What the network does to each connection.
///
/// ```
/// use rs2p::ChaosOptions;
///
/// let options: ChaosOptions = "delay=20..200ms,cut=1%,write=1".parse()?;
/// assert_eq!(options.write_len, Some(1));
/// assert_eq!(options.to_string(), "delay=20..200ms,cut=1%,write=1");
/// # Ok::<(), rs2p::ChaosError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChaosOptions {
    /// How much later everything is read than it came, drawn anew for each piece. Nothing overtakes
    /// anything. Up to a minute.
    pub delay: RangeInclusive<Duration>,
    /// How likely a connection breaks in a second of its life, of 1.
    pub cut: f64,
    /// How likely it is in a second that a connection is not read for one to three seconds, of 1.
    pub stall: f64,
    /// The most bytes of one write; at least 1.
    pub write_len: Option<usize>,
    /// The most bytes written in a second; at least 1.
    pub bandwidth: Option<u64>,
    /// What all draws come from.
    pub seed: u64,
}

impl Default for ChaosOptions {
    /// A good network.
    fn default() -> Self {
        Self {
            delay: Duration::ZERO..=Duration::ZERO,
            cut: 0.0,
            stall: 0.0,
            write_len: None,
            bandwidth: None,
            seed: 0,
        }
    }
}

/// A word that says nothing of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChaosError {
    word: String,
}

impl fmt::Display for ChaosError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is none of delay=20..200ms, cut=1%, stall=1%, write=BYTES, bandwidth=BYTES",
            self.word
        )
    }
}

impl std::error::Error for ChaosError {}

const MAX_DELAY: Duration = Duration::from_secs(60);

impl FromStr for ChaosOptions {
    type Err = ChaosError;

    /// Reads a list as `delay=20..200ms,cut=1%`.
    fn from_str(text: &str) -> Result<Self, ChaosError> {
        let mut options = Self::default();
        for word in text.split(',') {
            let read = word.split_once('=').and_then(|(name, value)| options.set(name, value));
            read.ok_or_else(|| ChaosError { word: word.chars().take(80).collect() })?;
        }
        Ok(options)
    }
}

impl ChaosOptions {
    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "delay" => self.delay = read_delay(value)?,
            "cut" => self.cut = read_percent(value)?,
            "stall" => self.stall = read_percent(value)?,
            "write" => self.write_len = Some(value.parse().ok().filter(|len| *len > 0)?),
            "bandwidth" => self.bandwidth = Some(value.parse().ok().filter(|it| *it > 0)?),
            _ => return None,
        }
        Some(())
    }

    /// Whether connections break, so that messages on them are lost.
    pub fn has_cuts(&self) -> bool {
        self.cut > 0.0
    }
}

/// As it can be typed, without the seed.
impl fmt::Display for ChaosOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (self.delay.start().as_millis(), self.delay.end().as_millis());
        let mut words = Vec::new();
        if most > 0 {
            words.push(format!("delay={least}..{most}ms"));
        }
        for (name, chance) in [("cut", self.cut), ("stall", self.stall)] {
            if chance > 0.0 {
                words.push(format!("{name}={}%", (chance * 1e6).round() / 1e4));
            }
        }
        words.extend(self.write_len.map(|len| format!("write={len}")));
        words.extend(self.bandwidth.map(|it| format!("bandwidth={it}")));
        f.write_str(&words.join(","))
    }
}

/// Reads `20..200ms` or `50ms`.
fn read_delay(text: &str) -> Option<RangeInclusive<Duration>> {
    let text = text.strip_suffix("ms")?;
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let millis = |text: &str| text.parse().ok().map(Duration::from_millis);
    let (least, most) = (millis(least)?, millis(most)?);
    (least <= most && most <= MAX_DELAY).then_some(least..=most)
}

fn read_percent(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

/// A bad network, and the switch for it. Clones share both: one can be given to several nodes.
///
/// It is for tests. A node that has one says so in its log.
#[derive(Clone, Debug)]
pub struct Chaos {
    pub(super) options: ChaosOptions,
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    is_on: AtomicBool,
    nodes: AtomicU64,
    pub(super) cuts: AtomicU64,
    pub(super) stalls: AtomicU64,
    pub(super) delayed: AtomicU64,
    pub(super) held_back: AtomicU64,
}

/// What a bad network has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChaosReport {
    /// Connections that it broke.
    pub cuts: u64,
    /// Times that it let a connection go unread.
    pub stalls: u64,
    /// Pieces of streams that it gave later than they came.
    pub delayed: u64,
    /// Writes that it made shorter, or put off.
    pub held_back: u64,
}

impl Chaos {
    /// A network that is bad from now on.
    pub fn new(options: ChaosOptions) -> Self {
        let shared = Shared {
            is_on: AtomicBool::new(true),
            nodes: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
            stalls: AtomicU64::new(0),
            delayed: AtomicU64::new(0),
            held_back: AtomicU64::new(0),
        };
        Self { options, shared: Arc::new(shared) }
    }

    /// Makes the network good, or bad again.
    pub fn switch(&self, is_on: bool) {
        self.shared.is_on.store(is_on, Ordering::Release);
    }

    /// What it has done so far.
    pub fn report(&self) -> ChaosReport {
        let Shared { cuts, stalls, delayed, held_back, .. } = &*self.shared;
        let [cuts, stalls, delayed, held_back] =
            [cuts, stalls, delayed, held_back].map(|count| count.load(Ordering::Acquire));
        ChaosReport { cuts, stalls, delayed, held_back }
    }

    pub(super) fn is_on(&self) -> bool {
        self.shared.is_on.load(Ordering::Acquire)
    }

    /// The same for the next node, whose draws are its own.
    pub(super) fn for_node(mut self) -> Self {
        let turn = self.shared.nodes.fetch_add(1, Ordering::AcqRel);
        // Far apart, whatever seeds users choose.
        self.options.seed ^= turn.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::AcqRel);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_read_as_it_is_written_and_nothing_else_is() {
        for text in
            ["delay=20..200ms,cut=1%", "delay=5..5ms,stall=0.25%,write=1,bandwidth=250", "cut=100%"]
        {
            let options: ChaosOptions = text.parse().unwrap();
            assert_eq!(options.to_string(), text);
        }
        assert_eq!("delay=50ms".parse::<ChaosOptions>().unwrap().to_string(), "delay=50..50ms");
        for bad in [
            "",
            "delay",
            "delay=5",
            "delay=9..5ms",
            "delay=60001ms",
            "cut=1",
            "cut=101%",
            "cut=-1%",
            "cut=NaN%",
            "write=0",
            "bandwidth=0",
            "fire=1%",
            "cut=1%,",
        ] {
            assert!(bad.parse::<ChaosOptions>().is_err(), "{bad}");
        }
    }
}

//! What a bad network does to one connection: see [`Chaos`].

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::chaos::{Chaos, count};
use super::clock::Clock;
use super::stream::Found;
use crate::conn_id::ConnId;
use crate::error::NetworkError;
use crate::time::Instant;

/// The most bytes that have come and are not given yet. What is beyond stays in the socket.
const MAX_HELD_LEN: usize = 1 << 20;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Weather {
    chaos: Chaos,
    clock: Clock,
    conn: ConnId,
    rng: StdRng,
    /// When it is drawn again whether something happens.
    next_draw: Instant,
    stalled_until: Option<Instant>,
    /// What has come, and when it is given: the bytes, and what was found with them.
    held: VecDeque<(Instant, Found, Vec<u8>)>,
    held_len: usize,
    /// How many bytes may be written now, where that is limited.
    tokens: u64,
    refilled_at: Instant,
    /// When there are more, if the last write wanted them.
    write_at: Option<Instant>,
}

impl Weather {
    pub(super) fn new(chaos: &Chaos, clock: Clock, conn: ConnId) -> Self {
        let seed = chaos.options.seed.rotate_left(32) ^ conn.number();
        let now = clock.now();
        Self {
            chaos: chaos.clone(),
            clock,
            conn,
            rng: StdRng::seed_from_u64(seed),
            next_draw: now + SECOND,
            stalled_until: None,
            held: VecDeque::new(),
            held_len: 0,
            tokens: 0,
            refilled_at: now,
            write_at: None,
        }
    }

    /// Whether something has come that is not given yet.
    pub(super) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// When the stream is to be read or written again, though its socket says nothing.
    pub(super) fn due(&self, may_write: bool) -> Option<Instant> {
        let options = &self.chaos.options;
        let draws = options.cut > 0.0 || options.stall > 0.0;
        let given = self.held.front().map(|(at, ..)| *at);
        [
            self.stalled_until.or(given),
            (draws && self.chaos.is_on()).then_some(self.next_draw),
            self.write_at.filter(|_| may_write),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Reads what has come by means of `read`, and gives what is due.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        mut read: impl FnMut(&mut [u8]) -> Found,
    ) -> Found {
        let now = self.clock.now();
        if let Some(error) = self.draw(now) {
            return Found::Over(Some(error));
        }
        if self.stalled_until.is_some() {
            return Found::Nothing;
        }
        while self.held_len < MAX_HELD_LEN {
            let found = read(buffer);
            let is_last = !matches!(found, Found::Data(_));
            if found != Found::Nothing {
                self.hold(now, found, buffer);
            }
            if is_last {
                break;
            }
        }
        self.give(now, buffer)
    }

    /// What the last seconds have brought. Returns what broke the connection, if that is it.
    fn draw(&mut self, now: Instant) -> Option<NetworkError> {
        if self.stalled_until.is_some_and(|until| until <= now) {
            self.stalled_until = None;
        }
        while self.next_draw <= now {
            self.next_draw = self.next_draw + SECOND;
            let [is_cut, is_stalled] = [self.chaos.options.cut, self.chaos.options.stall]
                .map(|chance| self.rng.random_bool(chance.clamp(0.0, 1.0)));
            let time = Duration::from_millis(self.rng.random_range(1_000..=3_000));
            if !self.chaos.is_on() {
                continue;
            }
            if is_cut {
                log::warn!("chaos cuts {}", self.conn);
                count(&self.chaos.shared.cuts);
                return Some(ErrorKind::ConnectionReset.into());
            }
            if is_stalled && self.stalled_until.is_none() {
                count(&self.chaos.shared.stalls);
                self.stalled_until = Some(now + time);
            }
        }
        None
    }

    fn hold(&mut self, now: Instant, found: Found, buffer: &[u8]) {
        let data = match found {
            Found::Data(len) => buffer.get(..len).unwrap_or_default().to_vec(),
            _ => Vec::new(),
        };
        let (least, most) = (*self.chaos.options.delay.start(), *self.chaos.options.delay.end());
        let part = self.rng.random_range(0.0..=1.0);
        let mut delay = least + most.saturating_sub(least).mul_f64(part);
        if !self.chaos.is_on() {
            delay = Duration::ZERO;
        }
        if !delay.is_zero() {
            count(&self.chaos.shared.delayed);
        }
        let last = self.held.back().map_or(Instant::ZERO, |(at, ..)| *at);
        self.held_len += data.len();
        self.held.push_back((last.max(now + delay), found, data));
    }

    fn give(&mut self, now: Instant, buffer: &mut [u8]) -> Found {
        if self.held.front().is_none_or(|(at, ..)| *at > now) {
            return Found::Nothing;
        }
        let Some((_, found, data)) = self.held.pop_front() else { return Found::Nothing };
        self.held_len = self.held_len.saturating_sub(data.len());
        // What was read into this buffer fits into it.
        for (slot, byte) in buffer.iter_mut().zip(&data) {
            *slot = *byte;
        }
        found
    }

    /// A socket that takes what the network lets through.
    pub(super) fn around<'a, W: Write>(&'a mut self, socket: &'a mut W) -> impl Write + 'a {
        self.write_at = None;
        Narrow { weather: self, socket }
    }

    /// How many of these bytes may be written now.
    fn allow(&mut self, len: usize) -> usize {
        if !self.chaos.is_on() {
            return len;
        }
        let longest = self.chaos.options.write_len.unwrap_or(len).min(len);
        let Some(bandwidth) = self.chaos.options.bandwidth else { return longest };
        let now = self.clock.now();
        let passed = u64::try_from(now.since(self.refilled_at).as_nanos()).unwrap_or(u64::MAX);
        let new = u128::from(bandwidth) * u128::from(passed) / 1_000_000_000;
        let new = u64::try_from(new).unwrap_or(u64::MAX);
        if new > 0 {
            self.refilled_at = now;
            self.tokens = self.tokens.saturating_add(new).min((bandwidth / 10).max(1));
        }
        let allowed = longest.min(usize::try_from(self.tokens).unwrap_or(usize::MAX));
        if allowed == 0 {
            // When there is a tenth of a second's worth, or a byte of a very narrow line.
            let nanos = (1_000_000_000 / bandwidth).max(20_000_000);
            self.write_at = Some(now + Duration::from_nanos(nanos));
        }
        allowed
    }
}

struct Narrow<'a, W> {
    weather: &'a mut Weather,
    socket: &'a mut W,
}

impl<W: Write> Write for Narrow<'_, W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let allowed = self.weather.allow(data.len());
        if allowed < data.len() {
            count(&self.weather.chaos.shared.held_back);
        }
        if allowed == 0 && !data.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let len = self.socket.write(data.get(..allowed).unwrap_or(data))?;
        let spent = u64::try_from(len).unwrap_or(u64::MAX);
        self.weather.tokens = self.weather.tokens.saturating_sub(spent);
        Ok(len)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write(slices.iter().find(|slice| !slice.is_empty()).map_or(&[], |slice| slice))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weather(text: &str) -> Weather {
        let mut options: super::super::ChaosOptions = text.parse().unwrap();
        options.seed = 7;
        Weather::new(&Chaos::new(options), Clock::start(), ConnId::from_number(1))
    }

    #[test]
    fn what_comes_is_given_late_in_order_and_the_end_behind_it() {
        let mut weather = weather("delay=1..50ms");
        let at = Instant::from_millis;
        for (now, byte) in [(0, b'a'), (1, b'b'), (2, b'c')] {
            weather.hold(at(now), Found::Data(1), &[byte]);
        }
        weather.hold(at(3), Found::End, b"");
        let mut buffer = [0; 4];
        assert_eq!(weather.give(at(0), &mut buffer), Found::Nothing);
        let mut given = Vec::new();
        for now in 0..=60 {
            loop {
                match weather.give(at(now), &mut buffer) {
                    Found::Data(1) => given.push((now, buffer[0])),
                    Found::End => given.push((now, b'.')),
                    _ => break,
                }
            }
        }
        assert_eq!(given.iter().map(|(_, byte)| *byte).collect::<Vec<_>>(), b"abc.");
        assert!(given[0].0 >= 1, "{given:?}");
        assert_eq!((weather.held_len, weather.is_holding()), (0, false));
    }

    #[test]
    fn the_same_seed_draws_the_same_and_about_as_often_as_asked() {
        let life = |connections: u64| {
            let chaos = Chaos::new("cut=1%,stall=2%".parse().unwrap());
            let clock = Clock::start();
            let lives = (0..connections).map(|conn| {
                let mut weather = Weather::new(&chaos, clock, ConnId::from_number(conn));
                weather.next_draw = Instant::from_secs(1);
                (0..1_000).position(|secs| weather.draw(Instant::from_secs(secs)).is_some())
            });
            (lives.collect::<Vec<_>>(), chaos.report())
        };
        let (lives, report) = life(200);
        assert_eq!((lives.clone(), report), life(200));
        let mean = lives.iter().flatten().sum::<usize>() / lives.len();
        assert!((70..140).contains(&mean), "{mean}");
        assert!(report.stalls > report.cuts, "{report:?}");
        assert!(report.cuts > 190, "{report:?}");
    }

    #[test]
    fn nothing_happens_while_it_is_switched_off() {
        let mut weather = weather("cut=100%,stall=100%,delay=50ms,write=1");
        weather.chaos.switch(false);
        assert_eq!(weather.draw(Instant::from_secs(100)), None);
        assert_eq!((weather.stalled_until, weather.allow(9)), (None, 9));
        weather.hold(Instant::ZERO, Found::Data(1), b"x");
        assert_eq!(weather.give(Instant::ZERO, &mut [0]), Found::Data(1));
        weather.chaos.switch(true);
        assert!(weather.draw(Instant::from_secs(102)).is_some());
        assert_eq!(weather.allow(9), 1);
    }

    #[test]
    fn a_narrow_line_takes_what_it_may_and_says_when_it_takes_more() {
        let mut weather = weather("bandwidth=1000000,write=3");
        let mut taken = Vec::new();
        let outcome = weather.around(&mut taken).write(b"abcdef");
        // There is nothing at the very beginning, on a quick machine.
        match outcome {
            Ok(len) => assert_eq!((len, taken.len()), (3, 3)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        weather.chaos.options.bandwidth = Some(1);
        weather.tokens = 0;
        let slices = [IoSlice::new(b""), IoSlice::new(b"xyz")];
        let outcome = weather.around(&mut taken).write_vectored(&slices);
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(weather.due(true) > weather.due(false), "{weather:?}");
    }
}

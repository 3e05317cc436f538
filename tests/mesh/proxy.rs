//! Somebody between two nodes who passes on what they say, and does to it what a bad network does.
//!
//! A proxy takes any number of connections to one node. What it does to each of the two ways can be
//! changed at any time; what it draws at random it draws from a seed.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

/// What is done to the bytes of one way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    /// Nothing: they are passed on as they come.
    Pass,
    /// Each byte goes out alone.
    Split,
    /// They go out in pieces of random lengths.
    Shred,
    /// They are gathered for as long as more come within 10 ms.
    Coalesce,
    /// Each piece is held for a random time up to this.
    Delay(Duration),
    /// So many bytes a second.
    Rate(u32),
    /// They are not even read.
    Stop,
    /// They are read, and go nowhere.
    Swallow,
    /// One bit is flipped in one of so many bytes.
    Flip(u64),
}

/// From the end that dialled to the other.
pub(crate) const THERE: usize = 0;
/// From the node behind the proxy to the end that dialled.
pub(crate) const BACK: usize = 1;

/// How long a pump waits for one thing before it looks whether it is still wanted.
const BEAT: Duration = Duration::from_millis(20);

pub(crate) struct Proxy {
    /// Where to dial instead of the node.
    pub(crate) addr: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    ways: Mutex<[Way; 2]>,
    changed: Condvar,
    /// Counts resets: connections from before one are over.
    age: AtomicU64,
    is_over: AtomicBool,
}

impl Proxy {
    /// A proxy in front of `target`.
    pub(crate) fn new(target: SocketAddr, ways: [Way; 2], seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            ways: Mutex::new(ways),
            changed: Condvar::new(),
            age: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        });
        let proxy = Self { addr, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for (number, near) in (0..).zip(listener.incoming().map_while(Result::ok)) {
                if shared.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, seed) = (Arc::clone(&shared), seed ^ (number << 32));
                thread::spawn(move || {
                    if let Ok(far) = TcpStream::connect(target) {
                        shared.carry(&near, &far, seed);
                    }
                });
            }
        });
        proxy
    }

    pub(crate) fn set(&self, ways: [Way; 2]) {
        *self.shared.ways() = ways;
        self.shared.changed.notify_all();
    }

    /// Cuts the connections there are by a reset at both ends.
    pub(crate) fn reset(&self) {
        self.shared.age.fetch_add(1, Ordering::SeqCst);
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.reset();
        // Whoever waits for the next connection gets one.
        drop(TcpStream::connect(self.addr));
    }
}

/// One of the two ways of one connection.
struct Pump<'a> {
    shared: &'a Shared,
    side: usize,
    /// When the connection began, in resets.
    age: u64,
    /// Whether the connection is over, the other way too.
    is_over: &'a AtomicBool,
    random: Random,
}

/// The connection is over.
struct Over;

impl Shared {
    fn ways(&self) -> MutexGuard<'_, [Way; 2]> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry(&self, near: &TcpStream, far: &TcpStream, seed: u64) {
        let (age, is_over) = (self.age.load(Ordering::SeqCst), &AtomicBool::new(false));
        for end in [near, far] {
            let _ = end.set_nodelay(true);
            let _ = end.set_read_timeout(Some(BEAT));
            let _ = end.set_write_timeout(Some(BEAT));
        }
        let was_reset = thread::scope(|scope| {
            let pumps = [(near, far), (far, near)].into_iter().enumerate().map(|(side, ends)| {
                let random = Random(seed.wrapping_mul(2).wrapping_add(1) + side as u64);
                let mut pump = Pump { shared: self, side, age, is_over, random };
                scope.spawn(move || pump.run(ends.0, ends.1).is_err())
            });
            let pumps: Vec<_> = pumps.collect();
            pumps.into_iter().any(|pump| pump.join().unwrap_or(true))
        });
        if was_reset {
            for end in [near, far] {
                let _ = SockRef::from(end).set_linger(Some(Duration::ZERO));
            }
        }
    }
}

impl Pump<'_> {
    /// Carries bytes up to their end, and the end too.
    fn run(&mut self, mut from: &TcpStream, to: &TcpStream) -> Result<(), Over> {
        let mut buffer = vec![0; 16 << 10];
        loop {
            while self.way()? == Way::Stop {
                self.rest(BEAT)?;
            }
            let len = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => len,
                Err(error) if is_timeout(error.kind()) => continue,
                // One end was reset, and so is the other.
                Err(_) => return self.give_up(),
            };
            while self.way()? == Way::Stop {
                self.rest(BEAT)?;
            }
            self.pass_on(from, to, &mut buffer[..len])?;
        }
        if self.way()? != Way::Swallow {
            let _ = to.shutdown(std::net::Shutdown::Write);
        }
        Ok(())
    }

    fn pass_on(&mut self, from: &TcpStream, to: &TcpStream, data: &mut [u8]) -> Result<(), Over> {
        match self.way()? {
            Way::Pass | Way::Stop => self.write(to, data),
            Way::Split => data.chunks(1).try_for_each(|byte| self.write(to, byte)),
            Way::Shred => {
                let mut rest = &*data;
                while !rest.is_empty() {
                    let len = self.random.index(rest.len().min(700)) + 1;
                    let (piece, others) = rest.split_at(len);
                    self.write(to, piece)?;
                    rest = others;
                }
                Ok(())
            }
            Way::Coalesce => {
                let gathered = self.gather(from, data);
                self.write(to, &gathered)
            }
            Way::Delay(longest) => {
                let part = u32::try_from(self.random.index(1_000)).unwrap();
                self.rest(longest * part / 1_000)?;
                self.write(to, data)
            }
            Way::Rate(bytes) => {
                let len = (bytes / 50).max(1);
                let pause = Duration::from_secs(1) * len / bytes;
                for piece in data.chunks(usize::try_from(len).unwrap()) {
                    if matches!(self.way()?, Way::Rate(_)) {
                        self.rest(pause)?;
                    }
                    self.write(to, piece)?;
                }
                Ok(())
            }
            Way::Swallow => Ok(()),
            Way::Flip(one_of) => {
                for byte in &mut *data {
                    if self.random.below(one_of) == 0 {
                        *byte ^= 1 << self.random.below(8);
                    }
                }
                self.write(to, data)
            }
        }
    }

    /// These bytes and those that follow them shortly.
    fn gather(&self, mut from: &TcpStream, data: &[u8]) -> Vec<u8> {
        let mut gathered = data.to_vec();
        let mut buffer = [0; 16 << 10];
        let _ = from.set_read_timeout(Some(Duration::from_millis(10)));
        while gathered.len() < 1 << 20 {
            match from.read(&mut buffer) {
                Ok(len @ 1..) => gathered.extend_from_slice(&buffer[..len]),
                // The end is found again by whoever reads next.
                _ => break,
            }
        }
        let _ = from.set_read_timeout(Some(BEAT));
        gathered
    }

    fn write(&self, mut to: &TcpStream, mut data: &[u8]) -> Result<(), Over> {
        while !data.is_empty() {
            self.way()?;
            match to.write(data) {
                Ok(len) => data = &data[len..],
                Err(error) if is_timeout(error.kind()) => {}
                Err(_) => return self.give_up(),
            }
        }
        Ok(())
    }

    fn give_up(&self) -> Result<(), Over> {
        self.is_over.store(true, Ordering::SeqCst);
        Err(Over)
    }

    fn is_over(&self) -> bool {
        let was_reset = self.shared.age.load(Ordering::SeqCst) > self.age;
        was_reset || self.is_over.load(Ordering::SeqCst)
    }

    fn way(&self) -> Result<Way, Over> {
        if self.is_over() { Err(Over) } else { Ok(self.shared.ways()[self.side]) }
    }

    /// Waits so long, or until something is changed.
    fn rest(&self, time: Duration) -> Result<(), Over> {
        let before = self.way()?;
        let ways = self.shared.ways();
        let same = |ways: &mut [Way; 2]| ways[self.side] == before && !self.is_over();
        drop(self.shared.changed.wait_timeout_while(ways, time, same));
        self.way().map(|_| ())
    }
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// A small generator: the same seed draws the same.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    /// A place among so many.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap()
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(256).to_le_bytes()[0]).collect()
    }
}

//! Writing records of nodes, in a thread of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use rand::TryRng;
use rand::rngs::SysRng;

use super::tape::{Gauge, MAX_NOTES, Note, Noted, Tape};
use crate::node::{CloseMode, Output};
use crate::record::{Header, Redactor, input_line, output_text, start_of};
use crate::time::Instant;

/// The bytes of a record, behind which nothing but the number of what is left out is written: so
/// nobody fills a disk by what it sends to a node that is recorded and forgotten.
const MAX_RECORD_LEN: u64 = 4 << 30;

/// What a record has of what users say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Payloads {
    /// Everything, so that a replay is the run again.
    #[default]
    Whole,
    /// Nothing: in the place of each packet stands another of the same length, which is the same for
    /// the same packet. A replay decides alike but where compression or bytes of unfinished frames
    /// come into it.
    Redacted,
}

/// Writes what happens to one node into a record, which `rs2p replay` runs again.
///
/// A thread of its own writes; the event loop never waits for it. At most 65,536 lines wait to be
/// written, with at most 32 MiB of messages in them: what does not fit beside them is left out, and
/// counted in the record. So is what comes after 4 GiB, where a record ends. Keys and secrets are in no record. But where nothing is
/// encrypted it has the seed of all that the node draws at random, and, unless it is redacted, all
/// that is said: keep it as you would keep that.
///
/// ```
/// use rs2p::{Encryption, MeshSocket, Payloads, Recorder};
///
/// let recorder = Recorder::new(std::io::sink(), Payloads::Whole)?;
/// let builder = MeshSocket::builder().encryption(Encryption::Plaintext).record(&recorder);
/// let node = builder.bind("127.0.0.1:0")?;
/// node.close();
/// assert!(recorder.finish()?.lines > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Recorder {
    tape: Tape,
    writer: JoinHandle<io::Result<Recorded>>,
}

/// What a record holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// Lines behind the head, those that tell how many were left out included.
    pub lines: u64,
    /// Lines that were left out.
    pub lost: u64,
}

impl Recorder {
    /// Starts a record in a file, which its owner alone may read, also where there is such a file
    /// already and others might read that. What it held is gone then.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub fn create(path: impl AsRef<Path>, payloads: Payloads) -> io::Result<Self> {
        Self::new(BufWriter::new(create(path.as_ref())?), payloads)
    }

    /// Starts a record in a writer.
    ///
    /// # Errors
    ///
    /// The operating system's, where it has no thread or no entropy.
    pub fn new(writer: impl Write + Send + 'static, payloads: Payloads) -> io::Result<Self> {
        Self::within(MAX_RECORD_LEN, writer, payloads)
    }

    /// A record whose last line but one begins within so many bytes.
    fn within(
        max_len: u64,
        writer: impl Write + Send + 'static,
        payloads: Payloads,
    ) -> io::Result<Self> {
        let is_redacted = payloads == Payloads::Redacted;
        let (notes, taken) = sync_channel(MAX_NOTES);
        let tape = Tape::new(notes, is_redacted);
        let mut key = [0; 16];
        SysRng.try_fill_bytes(&mut key).map_err(io::Error::other)?;
        let gauge = Arc::clone(&tape.gauge);
        let recorded = Recorded::default();
        let (redactor, last) = (None, None);
        let mut page = Page { writer, gauge, key, redactor, recorded, last, len: 0, max_len };
        let thread = thread::Builder::new().name("rs2p-record".into());
        let writer = thread.spawn(move || {
            let outcome = page.write_all(&taken);
            if let Err(error) = &outcome {
                log::error!("the record ends: {error}");
            }
            outcome.map(|()| page.recorded)
        })?;
        Ok(Self { tape, writer })
    }

    pub(crate) fn tape(&self) -> Tape {
        self.tape.clone()
    }

    /// Ends the record, and tells what it holds. Close the socket first: what happens later is not
    /// in it.
    ///
    /// # Errors
    ///
    /// What went wrong in writing it.
    pub fn finish(self) -> io::Result<Recorded> {
        // A writer that has ended early tells why.
        drop(self.tape.notes.send(Note::End));
        self.writer.join().unwrap_or_else(|_| Err(io::Error::other("its writer has panicked")))
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // Devices and pipes are nobody's to change.
    if file.metadata()?.is_file() {
        // The mode above is that of a file which was not there before.
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        file.set_len(0)?;
    }
    Ok(file)
}

struct Page<W> {
    writer: W,
    gauge: Arc<Gauge>,
    key: [u8; 16],
    redactor: Option<Redactor>,
    recorded: Recorded,
    /// The node and the instant of the last line.
    last: Option<(u64, Instant)>,
    /// The bytes of lines that are written, and from how many on there are no more.
    len: u64,
    max_len: u64,
}

impl<W: Write> Page<W> {
    fn write_all(&mut self, notes: &Receiver<Note>) -> io::Result<()> {
        loop {
            // What waits for more to come is on the disk.
            let note = match notes.try_recv() {
                Ok(note) => note,
                Err(_) => {
                    self.writer.flush()?;
                    let Ok(note) = notes.recv() else { return self.end() };
                    note
                }
            };
            match note {
                Note::Begin(node, header) => self.begin(node, &header)?,
                Note::Line(node, at, noted) => {
                    self.gauge.note_written(&noted);
                    if self.len < self.max_len {
                        self.write(node, at, noted)?;
                    } else if !matches!(noted, Noted::Lost(_)) {
                        self.gauge.note_lost();
                    }
                }
                Note::End => return self.end(),
            }
        }
    }

    /// What was lost last has no later line that would tell of it.
    fn end(&mut self) -> io::Result<()> {
        let untold = self.gauge.lost().saturating_sub(self.recorded.lost);
        if untold > 0 {
            let (node, at) = self.last.unwrap_or_default();
            self.write(node, at, Noted::Lost(untold))?;
        }
        self.writer.flush()
    }

    fn begin(&mut self, node: u64, header: &Header) -> io::Result<()> {
        let limits = header.config.decode_limits();
        self.redactor = header.is_redacted.then(|| Redactor::new(self.key, limits));
        if node == 0 {
            self.writer.write_all(header.text().as_bytes())
        } else {
            // A replay refuses its lines, as those of another node.
            Ok(())
        }
    }

    fn write(&mut self, node: u64, at: Instant, noted: Noted) -> io::Result<()> {
        let mut line = String::new();
        start_of(&mut line, at, node);
        match noted {
            Noted::Input(given) => {
                let given = match &mut self.redactor {
                    Some(redactor) => redactor.given(given),
                    None => given,
                };
                input_line(&mut line, given.as_input());
            }
            Noted::Call(call) => {
                let call = match &self.redactor {
                    Some(redactor) => redactor.call(call),
                    None => call,
                };
                line.push_str(&format!("call {call}"));
            }
            Noted::Output(output) => {
                if let (Some(redactor), Output::Close { conn, mode: CloseMode::Abort }) =
                    (&mut self.redactor, &output)
                {
                    redactor.forget(*conn);
                }
                line.push_str(&output_text(&output, self.redactor.is_some()));
            }
            Noted::Lost(count) => {
                self.recorded.lost += count;
                line.push_str(&format!("lost {count}"));
            }
        }
        self.recorded.lines += 1;
        self.last = Some((node, at));
        line.push('\n');
        self.len = self.len.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        self.writer.write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Config;
    use crate::record::Given;
    use crate::time::UnixTime;
    use crate::wire::Protocol;
    use std::sync::Mutex;
    use std::sync::mpsc;

    /// Writes nothing before it may.
    struct Gate(Option<Receiver<()>>, Arc<Mutex<Vec<u8>>>);

    impl Write for Gate {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            if let Some(gate) = self.0.take() {
                let _ = gate.recv();
            }
            self.1.lock().unwrap().write(data)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn t40_what_is_lost_last_is_counted_in_the_record_as_well() {
        let (open, gate) = mpsc::channel();
        let text = Arc::default();
        let recorder = Recorder::new(Gate(Some(gate), Arc::clone(&text)), Payloads::Whole).unwrap();
        let mut tape = recorder.tape();
        let config = Config::new(Protocol::new("mesh", crate::node::PLAINTEXT));
        tape.begin(&config, [0; 32], Instant::ZERO, UnixTime::default());
        let all = MAX_NOTES as u64 + 100;
        for at in 0..all {
            tape.note(Instant::from_nanos(at), Noted::Input(Given::Timeout));
        }
        drop(open);
        let recorded = recorder.finish().unwrap();
        assert!(recorded.lost > 0, "{recorded:?}");
        // One line tells of the others.
        assert_eq!(recorded.lines - 1 + recorded.lost, all, "{recorded:?}");
        let text = String::from_utf8(text.lock().unwrap().clone()).unwrap();
        let last = text.lines().last().unwrap();
        assert!(last.ends_with(&format!(" n0 lost {}", recorded.lost)), "{last}");
    }

    #[test]
    fn t40_a_record_ends_at_its_limit_and_tells_how_much_is_not_in_it() {
        let text = Arc::default();
        let gate = Gate(None, Arc::clone(&text));
        let recorder = Recorder::within(1_000, gate, Payloads::Whole).unwrap();
        let mut tape = recorder.tape();
        let config = Config::new(Protocol::new("mesh", crate::node::PLAINTEXT));
        tape.begin(&config, [0; 32], Instant::ZERO, UnixTime::default());
        for at in 0..1_000 {
            tape.note(Instant::from_nanos(at), Noted::Input(Given::Timeout));
        }
        let recorded = recorder.finish().unwrap();
        assert_eq!(recorded.lines - 1 + recorded.lost, 1_000);
        let text = String::from_utf8(text.lock().unwrap().clone()).unwrap();
        let (others, last) = text.trim_end().rsplit_once('\n').unwrap();
        assert!(last.ends_with(&format!(" n0 lost {}", recorded.lost)), "{last}");
        let lines = others.lines().rev().take(usize::try_from(recorded.lines).unwrap() - 1);
        let len: usize = lines.map(|line| line.len() + 1).sum();
        assert!((1_000..1_100).contains(&len), "{len}");
    }

    #[cfg(unix)]
    #[test]
    fn t40_a_record_over_a_file_of_everybody_is_its_owners_alone() {
        use std::fs::{self, Permissions};
        use std::os::unix::fs::PermissionsExt;

        let path = std::env::temp_dir().join(format!("rs2p-record-mode-{}", std::process::id()));
        fs::write(&path, "what was there before").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        let recorder = Recorder::create(&path, Payloads::Whole).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        recorder.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        fs::remove_file(&path).unwrap();
    }
}

//! The user's side of the event loop: closures that run on it, between two turns.

use std::fmt;
use std::sync::Arc;

use super::Daemon;
use super::alarm::Alarm;
use super::answer::{Answer, answer};
use super::commands::{Call, Commands};
use crate::error::{SendError, WhisperError};
use crate::wire::NodeId;

/// The most commands that wait for the loop, but for one of each thread; whoever has one more waits
/// until these are done.
const MAX_WAITING: usize = 1_024;

/// Lets any thread ask the event loop for something.
#[derive(Clone)]
pub(crate) struct Handle {
    commands: Commands,
    alarm: Arc<Alarm>,
}

impl Handle {
    pub(super) fn new(commands: Commands, alarm: Arc<Alarm>) -> Self {
        Self { commands, alarm }
    }

    /// Whether the loop itself calls: the user's function that judges who may join does, and so
    /// does whatever that holds when the node is dropped. Waiting for the loop there would never
    /// end.
    pub(crate) fn is_on_loop(&self) -> bool {
        self.alarm.belongs_to_this_thread()
    }

    /// Runs `work` on the loop. Returns whether the loop may still do it: one that has ended does
    /// not.
    pub(crate) fn tell(&self, work: impl FnOnce(&mut Daemon) + Send + 'static) -> bool {
        self.put_in_turn(Box::new(work))
    }

    fn put_in_turn(&self, call: Call) -> bool {
        if self.commands.len() >= MAX_WAITING && !self.is_on_loop() {
            let (asker, done) = answer();
            self.put(Box::new(move |_| asker.answer(())));
            // A loop that has ended is met by the next call.
            let _ = done.wait();
        }
        self.put(call)
    }

    /// Hands a message over to be sent to everybody. Returns whether the loop may still send it.
    pub(crate) fn publish<P: AsRef<[u8]>>(&self, sub_flag: &[u8], packets: &[P]) -> bool {
        // Whatever the user's types do is done before the queue is locked.
        let packets: Vec<&[u8]> = packets.iter().map(AsRef::as_ref).collect();
        // The loop itself would wait for ever.
        let taken = self.commands.publish(sub_flag, &packets, || self.is_on_loop());
        if taken {
            self.alarm.ring();
        }
        taken
    }

    fn put(&self, call: Call) -> bool {
        let taken = self.commands.put(call);
        if taken {
            self.alarm.ring();
        }
        taken
    }

    /// Runs `work` on the loop and waits for its result; `None` where the loop has ended, or calls
    /// itself.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Daemon) -> T + Send + 'static,
    ) -> Option<T> {
        let (asker, answer) = answer();
        self.tell(move |daemon| asker.answer(work(daemon)));
        self.wait(answer)
    }

    /// Waits for what was asked of the loop; `None` where it will not come.
    pub(crate) fn wait<T>(&self, answer: Answer<T>) -> Option<T> {
        if self.is_on_loop() { None } else { answer.wait().ok() }
    }

    /// Whispers to a node, and waits until it is on its way.
    pub(crate) fn whisper<P: AsRef<[u8]>>(
        &self,
        id: NodeId,
        sub_flag: &[u8],
        packets: &[P],
    ) -> Result<(), WhisperError> {
        let (packets, sub_flag) = (owned(packets), sub_flag.to_vec());
        let (whisperer, outcome) = answer();
        self.tell(move |daemon| daemon.whisper(&id, &sub_flag, &packets, whisperer));
        self.wait(outcome).unwrap_or(Err(WhisperError::Send(SendError::Closed)))
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("waiting", &self.commands.len()).finish_non_exhaustive()
    }
}

/// Packets that can go to the loop's thread.
pub(crate) fn owned<P: AsRef<[u8]>>(packets: &[P]) -> Vec<Vec<u8>> {
    packets.iter().map(|packet| packet.as_ref().to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use crate::driver::tests::start;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn a_command_sent_while_the_loop_goes_to_sleep_is_not_missed() {
        const ASKS: u64 = 5_000;
        let started = start();
        // One thread alone meets the loop on its way to sleep each time; more of them meet it
        // while another rings, too.
        for count in [1, 2, 8] {
            let (done, results) = channel();
            for _ in 0..count {
                let (handle, done) = (started.handle.clone(), done.clone());
                thread::spawn(move || {
                    let answers = (0..ASKS / count).filter_map(|n| handle.ask(move |_| n)).count();
                    done.send(answers)
                });
            }
            for _ in 0..count {
                let answers = results.recv_timeout(PATIENCE).expect("the loop sleeps on");
                assert_eq!(u64::try_from(answers), Ok(ASKS / count));
            }
        }
        started.handle.tell(|daemon| daemon.close(PATIENCE));
    }

    #[test]
    fn the_last_of_many_commands_sent_at_once_is_not_missed() {
        let started = start();
        let (done, results) = channel();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (handle, done) = (started.handle.clone(), done.clone());
                let (go, starts) = channel();
                thread::spawn(move || {
                    for () in starts {
                        let done = done.clone();
                        handle.tell(move |_| done.send(()).unwrap_or_default());
                    }
                });
                go
            })
            .collect();
        for round in 0..3_000 {
            for go in &threads {
                go.send(()).unwrap();
            }
            for _ in &threads {
                let result = results.recv_timeout(PATIENCE);
                assert!(result.is_ok(), "the loop sleeps on in round {round}");
            }
        }
        started.handle.tell(|daemon| daemon.close(PATIENCE));
    }

    #[test]
    fn more_threads_than_the_queue_has_places_are_all_served_in_turn() {
        const PER_THREAD: usize = 500;
        let started = start();
        let (sender, results) = channel();
        for thread in 0..8 {
            let (handle, sender) = (started.handle.clone(), sender.clone());
            thread::spawn(move || {
                for number in 0..PER_THREAD {
                    let sender = sender.clone();
                    handle.tell(move |_| sender.send((thread, number)).unwrap_or_default());
                }
            });
        }
        drop(sender);
        let mut next = [0; 8];
        while let Ok((thread, number)) = results.recv_timeout(PATIENCE) {
            assert_eq!(number, next[thread], "the order of each thread is kept");
            next[thread] += 1;
        }
        assert_eq!(next, [PER_THREAD; 8]);
        started.handle.tell(|daemon| daemon.close(PATIENCE));
    }

    #[test]
    fn who_asks_a_loop_that_ends_is_told_so_and_does_not_wait() {
        for _ in 0..50 {
            let started = start();
            let handle = started.handle.clone();
            let (done, result) = channel();
            thread::spawn(move || {
                while handle.ask(|_| ()).is_some() {}
                done.send(handle.tell(|_| ()))
            });
            started.handle.tell(|daemon| daemon.close(PATIENCE));
            assert_eq!(result.recv_timeout(PATIENCE), Ok(false));
        }
    }
}

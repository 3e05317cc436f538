//! Every order in which the user's threads and the event loop can take their steps, tried by loom:
//! `RUSTFLAGS="--cfg loom" cargo test --release --lib driver::model`.
//!
//! The poller is a flag that is raised by its waker and taken by whoever slept, as mio's is; loom
//! fails where all threads wait for one another, which a wake-up that is lost leads to.

use std::sync::Arc;

use loom::thread;

use super::alarm::Bell;
use super::answer::{Unanswered, answer};
use super::commands::{Command, CommandReceiver, Commands, MAX_PUBLISHED_LEN, commands};
use super::sync::{Condvar, Mutex};

/// What the loop sleeps in.
#[derive(Default)]
struct Poller {
    is_woken: Mutex<bool>,
    woken: Condvar,
}

impl Poller {
    fn wake(&self) {
        *self.is_woken.lock().unwrap() = true;
        self.woken.notify_all();
    }

    fn sleep(&self) {
        let is_woken = self.is_woken.lock().unwrap();
        *self.woken.wait_while(is_woken, |is_woken| !*is_woken).unwrap() = false;
    }
}

/// What both sides share: [`super::alarm::Alarm`] without the operating system.
struct Shared {
    bell: Bell,
    poller: Poller,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self { bell: Bell::new(), poller: Poller::default() })
    }

    fn put(&self, commands: &Commands, owned: impl Send + 'static) -> bool {
        let is_taken = commands.put(Box::new(move |_| drop(owned)));
        if is_taken && self.bell.ring() {
            self.poller.wake();
        }
        is_taken
    }

    /// One turn of the loop, as [`super::Daemon`] has it. Returns how many commands it has done,
    /// which here is to drop what they own.
    fn turn(&self, receiver: &CommandReceiver) -> usize {
        self.poller.sleep();
        (0..receiver.due(&self.bell)).filter_map(|_| receiver.take()).map(drop).count()
    }
}

#[test]
fn whoever_publishes_and_waits_for_room_is_woken_by_what_is_sent_and_by_the_end() {
    for ends in [false, true] {
        loom::model(move || {
            let (commands, receiver) = commands();
            let shared = Shared::new();
            let theirs = Arc::clone(&shared);
            let user = thread::spawn(move || {
                let publish = |packet: &[u8]| {
                    let is_taken = commands.publish(b"", &[packet], || false);
                    if is_taken && theirs.bell.ring() {
                        theirs.poller.wake();
                    }
                    is_taken
                };
                assert!(publish(&[0; MAX_PUBLISHED_LEN]));
                publish(b"one more")
            });
            let mut sent = 0;
            while sent < if ends { 1 } else { 2 } {
                shared.poller.sleep();
                for _ in 0..receiver.due(&shared.bell) {
                    if let Some(Command::Publish(mut bundle)) = receiver.take() {
                        sent += bundle.count();
                        let len = bundle.take_out(bundle.count());
                        if !ends {
                            receiver.release(len);
                        }
                    }
                }
            }
            if ends {
                receiver.end_publishing();
            }
            assert_eq!(user.join().unwrap(), !ends);
        });
    }
}

#[test]
fn no_command_waits_for_a_loop_that_sleeps() {
    loom::model(|| {
        let (commands, receiver) = commands();
        let shared = Shared::new();
        let users: Vec<_> = (0..2)
            .map(|_| {
                let (commands, shared) = (commands.clone(), Arc::clone(&shared));
                thread::spawn(move || assert!(shared.put(&commands, ())))
            })
            .collect();
        let mut done = 0;
        while done < users.len() {
            done += shared.turn(&receiver);
        }
        for user in users {
            user.join().unwrap();
        }
    });
}

#[test]
fn a_command_put_after_another_was_done_wakes_the_loop_again() {
    loom::model(|| {
        let (commands, receiver) = commands();
        let shared = Shared::new();
        let theirs = Arc::clone(&shared);
        let user = thread::spawn(move || {
            for _ in 0..2 {
                let (asker, answer) = answer::<()>();
                assert!(theirs.put(&commands, asker));
                assert_eq!(answer.wait(), Err(Unanswered));
            }
        });
        let mut done = 0;
        while done < 2 {
            done += shared.turn(&receiver);
        }
        user.join().unwrap();
    });
}

#[test]
fn whoever_asks_a_loop_that_ends_is_told_so() {
    loom::model(|| {
        let (commands, receiver) = commands();
        let shared = Shared::new();
        let theirs = Arc::clone(&shared);
        let user = thread::spawn(move || {
            let (asker, answer) = answer::<()>();
            theirs.put(&commands, asker);
            assert_eq!(answer.wait(), Err(Unanswered));
        });
        drop(receiver);
        user.join().unwrap();
    });
}

#[test]
fn an_answer_is_there_for_whoever_waits() {
    loom::model(|| {
        let (asker, answer) = answer();
        let user = thread::spawn(move || answer.wait());
        asker.answer(7);
        assert_eq!(user.join().unwrap(), Ok(7));
    });
}

//! Locks and atomics of what is handed over between threads: the standard library's, or, where
//! [`model`](super::model) tries every order of what the threads do, those that loom steps through.

#[cfg(loom)]
pub(super) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};
#[cfg(not(loom))]
pub(super) use std::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};
#[cfg(loom)]
pub(super) use stepped::Condvar;

/// What loom's condition variable lacks of the standard library's.
#[cfg(loom)]
mod stepped {
    use std::sync::LockResult;
    use std::time::Duration;

    use loom::sync::{self, MutexGuard};

    #[derive(Debug, Default)]
    pub(crate) struct Condvar(sync::Condvar);

    /// Time does not pass in a model.
    #[derive(Debug)]
    pub(crate) struct NoTimeout;

    impl Condvar {
        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }

        pub(crate) fn wait_while<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            mut is_so: impl FnMut(&mut T) -> bool,
        ) -> LockResult<MutexGuard<'a, T>> {
            while is_so(&mut guard) {
                guard = self.0.wait(guard)?;
            }
            Ok(guard)
        }

        pub(crate) fn wait_timeout_while<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            _: Duration,
            is_so: impl FnMut(&mut T) -> bool,
        ) -> LockResult<(MutexGuard<'a, T>, NoTimeout)> {
            match self.wait_while(guard, is_so) {
                Ok(guard) => Ok((guard, NoTimeout)),
                Err(error) => Err(std::sync::PoisonError::new((error.into_inner(), NoTimeout))),
            }
        }
    }
}

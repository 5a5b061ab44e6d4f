//! Something that threads change and wait for.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::client::PATIENCE;

#[derive(Default)]
pub struct Watched<T> {
    inside: Mutex<T>,
    changed: Condvar,
}

impl<T> Watched<T> {
    pub fn new(inside: T) -> Self {
        Self { inside: Mutex::new(inside), changed: Condvar::new() }
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that it was changed.
    pub fn tell(&self) {
        self.changed.notify_all();
    }

    /// Waits as long as `wait` says, or as patience lasts.
    pub fn wait_while<'a>(&self, inside: MutexGuard<'a, T>, wait: impl Fn(&mut T) -> bool) -> MutexGuard<'a, T> {
        let outcome = self.changed.wait_timeout_while(inside, PATIENCE, wait);
        outcome.unwrap_or_else(PoisonError::into_inner).0
    }
}

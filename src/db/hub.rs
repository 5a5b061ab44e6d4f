//! The hub: tells those in this process who follow a book that it has changed. It carries no changes: who is told reads
//! the log, which has them in their order, so that nobody misses one and a slow reader keeps nothing waiting.
//!
//! # Why not LISTEN and NOTIFY
//!
//! PostgreSQL would tell other instances by itself. But a `NOTIFY` in a transaction takes a lock on the whole cluster at
//! its commit, so that all writes of all books come one after the other, and a pooler that lends a session for each
//! transaction does not deliver what comes. So each instance asks once a second for the numbers of the books that are
//! followed on it, in one query, and only while there are any.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::{Notify, watch};

use crate::{
    ids::UserId,
    problem::{Kind, Problem},
    workers::lock,
};

/// The most followers of one user.
const MOST_OF_ONE: usize = 10;

/// The followers of books in this process.
pub struct Hub {
    books: Mutex<HashMap<UserId, FollowedBook>>,
    /// The number of followers, so that a write need not look for any where there is none.
    count: AtomicUsize,
    most: AtomicUsize,
    /// Told when there is a follower where none was.
    begun: Notify,
    ending: watch::Sender<bool>,
}

struct FollowedBook {
    followers: usize,
    /// The number of the newest change that the hub knows of; -1 before it has asked.
    last: i64,
    changed: watch::Sender<()>,
}

/// A follower of one book, until it is dropped.
pub struct Follower {
    hub: Arc<Hub>,
    user: UserId,
    changed: watch::Receiver<()>,
    ending: watch::Receiver<bool>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            books: Mutex::default(),
            count: AtomicUsize::new(0),
            most: AtomicUsize::new(usize::MAX),
            begun: Notify::new(),
            ending: watch::Sender::new(false),
        }
    }
}

impl Hub {
    /// Lets so many followers in at a time, of all books together.
    pub fn limit(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Begins to follow a user's book.
    ///
    /// # Errors
    /// `too-many-streams`, when the user has ten followers; `overloaded`, when there are too many of all.
    pub fn follow(self: &Arc<Self>, user: UserId) -> Result<Follower, Problem> {
        let mut books = lock(&self.books);
        if self.count.load(Ordering::SeqCst) >= self.most.load(Ordering::Relaxed) {
            return Err(Kind::Overloaded.into());
        }
        let book = books.entry(user).or_insert_with(|| FollowedBook {
            followers: 0,
            last: -1,
            changed: watch::Sender::new(()),
        });
        if book.followers >= MOST_OF_ONE {
            return Err(Kind::TooManyStreams.into());
        }
        book.followers += 1;
        let changed = book.changed.subscribe();
        if self.count.fetch_add(1, Ordering::SeqCst) == 0 {
            self.begun.notify_one();
        }
        Ok(Follower { hub: Arc::clone(self), user, changed, ending: self.ending.subscribe() })
    }

    /// The number of followers.
    pub fn followers(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Tells the followers of a book that a write to it is committed.
    pub fn tell(&self, user: UserId) {
        if self.count.load(Ordering::SeqCst) > 0
            && let Some(book) = lock(&self.books).get(&user)
        {
            book.changed.send_replace(());
        }
    }

    /// Tells all followers, also those who come later, that the server is about to stop.
    pub fn end(&self) {
        self.ending.send_replace(true);
    }

    /// Waits until there is a follower.
    pub async fn until_followed(&self) {
        while self.count.load(Ordering::SeqCst) == 0 {
            self.begun.notified().await;
        }
    }

    /// The users whose books are followed.
    pub fn followed(&self) -> Vec<UserId> {
        lock(&self.books).keys().copied().collect()
    }

    /// Tells the followers of those books whose newest change has another number than the hub knows of.
    pub fn tell_of(&self, last: Vec<(UserId, i64)>) {
        let mut books = lock(&self.books);
        for (user, last) in last {
            if let Some(book) = books.get_mut(&user)
                && book.last != last
            {
                book.last = last;
                book.changed.send_replace(());
            }
        }
    }
}

impl Follower {
    /// Waits until the book may have changed, or the server is about to stop; at once, if either was so since the last
    /// call.
    pub async fn told(&mut self) {
        tokio::select! {
            // Both senders live as long as the hub.
            _ = self.changed.changed() => {}
            _ = self.ending.changed() => {}
        }
    }

    /// Whether the server is about to stop.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        *self.ending.borrow()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut books = lock(&self.hub.books);
        if let Some(book) = books.get_mut(&self.user) {
            book.followers -= 1;
            if book.followers == 0 {
                let _book = books.remove(&self.user);
            }
        }
        self.hub.count.fetch_sub(1, Ordering::SeqCst);
    }
}

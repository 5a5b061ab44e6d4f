//! The mail worker: a task that takes the mails that are due, writes and sends them, several at a time, so that one
//! that hangs keeps no other waiting. No request waits for it. A mail that cannot be sent stays in the queue, for three
//! days.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use actix_web::web::Data;
use futures_util::{StreamExt, stream};
use tokio::sync::Notify;

use super::{
    Mailbox,
    letter::{Destination, MailKind, MailMessage},
    repo::{self, Claim, MailRow},
    transport::Transport,
};
use crate::{
    crypto::keys::Keys,
    db::{Conn, Db, timestamp::Timestamp},
    problem::Problem,
    users::{Email, Users},
};

/// The most mails that are sent at the same time.
const AT_ONCE: usize = 8;
/// The interval at which the worker looks for mails that other instances queued, or left behind.
const POLL: Duration = Duration::from_secs(15);
/// The least pause between two looks at the queue, as when another instance is at a mail that is due.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// The signal that wakes the mail worker ([`Worker`]) or ends it, shared by the worker and the handlers.
#[derive(Default)]
pub struct MailSignal {
    bell: Notify,
    is_closed: AtomicBool,
}

impl MailSignal {
    /// Tells the worker that there is a new mail in the queue. Call it once the mail's transaction is committed;
    /// without the call the worker finds the mail within 15 seconds.
    pub fn wake(&self) {
        self.bell.notify_one();
    }

    /// Ends the worker: it begins no further mail, and returns when those under way are sent.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.wake();
    }
}

/// The worker that sends the mails of the queue, up to 8 mails at the same time. Each process has one worker, and all
/// of them share the queue. A mail that cannot be sent stays in the queue and is tried again, for three days.
pub struct Worker {
    /// The database with the queue and the accounts.
    pub db: Data<Db>,
    /// The keys that sign the tokens in mails.
    pub keys: Data<Keys>,
    /// The signal that wakes and ends the worker.
    pub mail_signal: Data<MailSignal>,
    /// The way in which mail is sent.
    pub transport: Transport,
    /// The sender of the mails.
    pub from: Mailbox,
    /// The places that mails lead their readers to.
    pub destination: Destination,
}

impl Worker {
    /// Sends mails as they fall due until the signal is closed ([`MailSignal::close`]); failures are logged.
    pub async fn run(self) {
        let due = stream::unfold((), |()| async { Some((self.next().await?, ())) });
        due.for_each_concurrent(AT_ONCE, |mail| self.deliver(mail)).await;
    }

    /// Waits for the next mail that is due; `None` when the signal is closed.
    async fn next(&self) -> Option<MailRow> {
        while !self.mail_signal.is_closed.load(Ordering::Relaxed) {
            let pause = match self.db.write(repo::claim).await {
                Ok(Claim::Mail(mail)) => return Some(mail),
                Ok(Claim::NothingBefore(next)) => next.map_or(POLL, |next| next.since(Timestamp::now()).min(POLL)),
                Err(problem) => {
                    tracing::warn!(cause = problem.cause_in_words(), "the queue of mails cannot be read");
                    POLL
                }
            };
            // Woken or not, the queue itself is looked at.
            drop(tokio::time::timeout(pause.max(SHORTEST_PAUSE), self.mail_signal.bell.notified()).await);
        }
        None
    }

    async fn deliver(&self, mail: MailRow) {
        let (mail_id, kind) = (mail.id, mail.kind.clone());
        if let Err(problem) = self.try_deliver(mail).await {
            // When the lease is over, an instance finds the mail again.
            tracing::warn!(mail_id, kind, cause = problem.cause_in_words(), "the database failed a mail");
        }
    }

    async fn try_deliver(&self, mail: MailRow) -> Result<(), Problem> {
        let MailRow { id: mail_id, kind, attempts, .. } = &mail;
        if mail.is_hopeless() {
            tracing::warn!(mail_id, kind, attempts, "a mail was given up");
            return self.db.write(move |conn| repo::discard(conn, &mail)).await;
        }
        let Some(message) = self.write(&mail).await? else {
            tracing::debug!(mail_id, kind, "a mail is not needed any more");
            return self.db.write(move |conn| repo::discard(conn, &mail)).await;
        };
        match self.transport.send(&self.from, &mail, message).await {
            Ok(()) => {
                tracing::info!(mail_id, kind, "mail sent");
                self.db.write(move |conn| repo::settle(conn, &mail)).await
            }
            Err(error) => {
                tracing::warn!(mail_id, kind, attempts, cause = %error, "a mail could not be sent; later again");
                self.db.write(move |conn| repo::postpone(conn, &mail)).await?;
                // The loop that waits for the next mail does not know of this one yet.
                self.mail_signal.wake();
                Ok(())
            }
        }
    }

    /// Writes a mail; `None` if its reason is gone.
    async fn write(&self, mail: &MailRow) -> Result<Option<MailMessage>, Problem> {
        let (mail, keys, to) = (mail.clone(), Data::clone(&self.keys), self.destination.clone());
        self.db.read(move |conn| write(conn, &mail, &keys, &to)).await
    }
}

fn write(conn: &mut Conn, mail: &MailRow, keys: &Keys, to: &Destination) -> Result<Option<MailMessage>, Problem> {
    let kind = MailKind::stored(&mail.kind).ok_or_else(|| Problem::internal("a mail of an unknown kind"))?;
    let account = match mail.user_id {
        Some(user) => Users::of(user).account(conn)?,
        None => Users::account_at(conn, &Email::stored(mail.address.clone()))?,
    };
    let Some(account) = account else { return Ok(None) };
    Ok(kind.write(&mail.address, &account, keys, to))
}

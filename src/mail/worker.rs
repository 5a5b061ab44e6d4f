//! The worker: claims what is due, writes it and sends it, several at a time, so that one that hangs keeps no other
//! waiting. No request waits for it. A mail that cannot be sent stays in the queue, for days.

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

/// Mails on their way at the same time.
const AT_ONCE: usize = 8;
/// How long nobody looks for what other instances queued, or left behind.
const POLL: Duration = Duration::from_secs(15);
/// After what is due could not be had: somebody else is at it.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// How the rooms tell the worker that there is something to send.
#[derive(Default)]
pub struct MailSignal {
    bell: Notify,
    is_closed: AtomicBool,
}

impl MailSignal {
    /// There is a new mail, and its transaction is committed.
    pub fn wake(&self) {
        self.bell.notify_one();
    }

    /// No further mail is begun; the worker ends with those on their way.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.wake();
    }
}

/// Sends mails.
pub struct Worker {
    pub db: Data<Db>,
    pub keys: Data<Keys>,
    pub post: Data<MailSignal>,
    pub transport: Transport,
    pub from: Mailbox,
    pub destination: Destination,
}

impl Worker {
    /// Sends mails until the post is closed.
    pub async fn run(self) {
        let due = stream::unfold((), |()| async { Some((self.next().await?, ())) });
        due.for_each_concurrent(AT_ONCE, |mail| self.deliver(mail)).await;
    }

    /// The next mail that is due; waits for it.
    async fn next(&self) -> Option<MailRow> {
        while !self.post.is_closed.load(Ordering::Relaxed) {
            let pause = match self.db.write(repo::claim).await {
                Ok(Claim::Mail(mail)) => return Some(mail),
                Ok(Claim::NothingBefore(next)) => next.map_or(POLL, |next| next.since(Timestamp::now()).min(POLL)),
                Err(problem) => {
                    tracing::warn!(cause = problem.cause_in_words(), "the queue of mails cannot be read");
                    POLL
                }
            };
            // Woken or not, the queue is the one that knows.
            drop(tokio::time::timeout(pause.max(SHORTEST_PAUSE), self.post.bell.notified()).await);
        }
        None
    }

    async fn deliver(&self, mail: MailRow) {
        let (mail_id, kind) = (mail.id, mail.kind.clone());
        if let Err(problem) = self.try_deliver(mail).await {
            // When the lease is over, somebody finds it again.
            tracing::warn!(mail_id, kind, cause = problem.cause_in_words(), "the database failed a mail");
        }
    }

    async fn try_deliver(&self, mail: MailRow) -> Result<(), Problem> {
        let MailRow { id: mail_id, kind, attempts, .. } = &mail;
        if mail.is_hopeless() {
            tracing::warn!(mail_id, kind, attempts, "a mail was given up");
            return self.db.write(move |conn| repo::discard(conn, &mail)).await;
        }
        let Some(letter) = self.write(&mail).await? else {
            tracing::debug!(mail_id, kind, "a mail is not needed any more");
            return self.db.write(move |conn| repo::discard(conn, &mail)).await;
        };
        match self.transport.send(&self.from, &mail, letter).await {
            Ok(()) => {
                tracing::info!(mail_id, kind, "mail sent");
                self.db.write(move |conn| repo::settle(conn, &mail)).await
            }
            Err(error) => {
                tracing::warn!(mail_id, kind, attempts, cause = %error, "a mail could not be sent; later again");
                self.db.write(move |conn| repo::postpone(conn, &mail)).await?;
                // Whoever waits for the next one does not know of this yet.
                self.post.wake();
                Ok(())
            }
        }
    }

    /// What to say in it; none if there is nothing to be said any more.
    async fn write(&self, mail: &MailRow) -> Result<Option<MailMessage>, Problem> {
        let (mail, keys, to) = (mail.clone(), Data::clone(&self.keys), self.destination.clone());
        self.db.read(move |conn| write(conn, &mail, &keys, &to)).await
    }
}

fn write(conn: &mut Conn, mail: &MailRow, keys: &Keys, to: &Destination) -> Result<Option<MailMessage>, Problem> {
    let letter = MailKind::stored(&mail.kind).ok_or_else(|| Problem::internal("a mail of an unknown kind"))?;
    let account = match mail.user_id {
        Some(user) => Users::of(user).account(conn)?,
        None => Users::account_at(conn, &Email::stored(mail.address.clone()))?,
    };
    let Some(account) = account else { return Ok(None) };
    Ok(letter.write(&mail.address, &account, keys, to))
}

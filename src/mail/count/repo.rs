//! Queries about the counts of mails in an hour.

use std::time::Duration;

use diesel::{prelude::*, query_dsl::methods};

use crate::{
    crypto::signer::Signer,
    db::{Conn, SWEPT_AT_ONCE, schema::mail_counts, timestamp::Timestamp},
    ids::UserId,
    mail::MailKind,
    problem::Problem,
    users::Email,
};

/// The time in which there may be five mails of a kind.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The answer of [`count`] to whether one more mail of a kind may be sent.
#[must_use]
pub enum MailQuota {
    /// The mail may be sent, and is counted.
    Left,
    /// The mail must not be sent, and is not counted: the last hour has five. The next may be after this time.
    UsedUp(Duration),
}

/// The mails that are counted together: those of a kind for one address, or by one user.
struct Subject([u8; 16]);

/// Counts a mail of a kind by `user`, if one is known, and for `address`, unless the last hour has five of either.
/// `signer` makes the keys of the counts, which name neither.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn count(
    conn: &mut Conn,
    signer: &Signer,
    user: Option<UserId>,
    kind: MailKind,
    address: &Email,
) -> Result<MailQuota, Problem> {
    let by_user = user.map(|user| Subject::of(signer, kind, b"by", &user.get().to_be_bytes()));
    let to_address = Subject::of(signer, kind, b"to", address.key().as_bytes());
    for subject in by_user.into_iter().chain([to_address]) {
        if let MailQuota::UsedUp(wait) = subject.count(conn)? {
            return Ok(MailQuota::UsedUp(wait));
        }
    }
    Ok(MailQuota::Left)
}

impl Subject {
    fn of(signer: &Signer, kind: MailKind, role: &[u8], whose: &[u8]) -> Self {
        let signature = signer.sign(&[b"mails", kind.as_str().as_bytes(), role, whose]);
        // Half of HMAC-SHA256 is enough to tell addresses apart.
        Self(signature.first_chunk().copied().unwrap_or_default())
    }

    /// Counts one mail more, with one statement whether there is a row or not, so that of many at once no more are
    /// counted than may be.
    fn count(&self, conn: &mut Conn) -> Result<MailQuota, Problem> {
        let now = Timestamp::now();
        let first = (mail_counts::subject.eq(self.0.as_slice()), mail_counts::latest_at.eq(now));
        let one_more = (
            mail_counts::latest_at.eq(now),
            mail_counts::second_at.eq(mail_counts::latest_at.nullable()),
            mail_counts::third_at.eq(mail_counts::second_at),
            mail_counts::fourth_at.eq(mail_counts::third_at),
            mail_counts::fifth_at.eq(mail_counts::fourth_at),
        );
        let may = mail_counts::fifth_at.is_null().or(mail_counts::fifth_at.le(now.minus(HOUR)));
        let insert = diesel::insert_into(mail_counts::table).values(first);
        let insert = insert.on_conflict(mail_counts::subject).do_update().set(one_more);
        if conn.execute(methods::FilterDsl::filter(insert, may))? > 0 {
            return Ok(MailQuota::Left);
        }
        let fifth = mail_counts::table.find(self.0.as_slice()).select(mail_counts::fifth_at);
        let fifth = conn.find::<Option<Timestamp>, _>(fifth)?.flatten();
        Ok(MailQuota::UsedUp(fifth.map_or(HOUR, |at| at.plus(HOUR).since(now))))
    }
}

/// Deletes about 500 counts whose last mail was more than an hour ago. Returns whether to call it again, as there may
/// be more.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn sweep(conn: &mut Conn) -> Result<bool, Problem> {
    let old = || mail_counts::table.filter(mail_counts::latest_at.le(Timestamp::now().minus(HOUR)));
    let oldest = old().order(mail_counts::latest_at).limit(SWEPT_AT_ONCE).select(mail_counts::latest_at);
    let oldest: Vec<Timestamp> = conn.load(oldest)?;
    let Some(last) = oldest.last() else { return Ok(false) };
    let _rows = conn.execute(diesel::delete(mail_counts::table.filter(mail_counts::latest_at.le(*last))))?;
    Ok(true)
}

//! Queries about the stored responses to creates. Those of one user begin at [`Answers::of`]; [`sweep`] deletes old
//! ones of all.

use diesel::{prelude::*, sqlite::Sqlite};
use serde::{Deserialize, Serialize};

use super::{KEPT, RequestKey};
use crate::{
    db::{
        BookEntry, Conn, SWEPT_AT_ONCE, columns, expression::CountUpTo, rows, schema::idempotency_keys,
        timestamp::Timestamp,
    },
    ids::UserId,
    problem::{Kind, Problem},
    wire::Created,
};

/// A stored answer, as far as it is read again.
#[derive(Queryable, Selectable)]
#[diesel(table_name = idempotency_keys, check_for_backend(Sqlite))]
struct AnswerRow {
    fingerprint: Vec<u8>,
    status: i64,
    headers: String,
    body: Vec<u8>,
    created_at: Timestamp,
}

#[derive(Insertable)]
#[diesel(table_name = idempotency_keys)]
struct NewAnswer<'a> {
    user_id: UserId,
    key: &'a str,
    fingerprint: &'a [u8],
    status: i64,
    headers: String,
    body: &'a [u8],
    created_at: Timestamp,
}

/// The headers that belong to an answer.
#[derive(Serialize, Deserialize)]
struct Headers {
    location: Option<String>,
    etag: Option<String>,
    #[serde(default)]
    link: Option<String>,
}

/// The stored responses to one user's creates, each under the `Idempotency-Key` of its request, for 24 hours. A retry
/// with the key gets the same bytes.
pub struct Answers(UserId);

impl Answers {
    /// The stored responses of this user; no query runs yet.
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// Runs `make` and stores its response under `key`, in the transaction that is open on `conn`, and returns it with
    /// false; or returns the response that is stored under the key already, with true.
    ///
    /// # Errors
    /// The errors of `make`, and then nothing is stored; `idempotency-key-reused`, when the key came with another path
    /// or body; the database's errors ([`Conn`]). While another transaction stores the same key this one fails, and
    /// [`Db::write`](crate::db::Db::write) runs it again: it finds the response then.
    pub fn once(
        &self,
        conn: &mut Conn,
        key: &RequestKey,
        make: impl FnOnce(BookEntry<'_>) -> Result<Created, Problem>,
    ) -> Result<(Created, bool), Problem> {
        let now = Timestamp::now();
        let old = now.minus(KEPT);
        match self.stored(conn, key)? {
            Some(stored) if stored.created_at <= old => {
                let mine = idempotency_keys::table.find((self.0, &key.name));
                // Another retry may have put a new one in its place meanwhile, which stays.
                let _one = conn.execute(diesel::delete(mine.filter(idempotency_keys::created_at.le(old))))?;
            }
            Some(stored) => return Ok((stored.answer(key)?, true)),
            None => {}
        }
        let created = make(BookEntry::on(conn, self.0))?;
        let Created { status, location, etag, link, body, receipt } = &created;
        let headers = Headers { location: location.clone(), etag: etag.clone(), link: link.clone() };
        let new = NewAnswer {
            user_id: self.0,
            key: &key.name,
            fingerprint: &key.fingerprint,
            status: i64::from(status.as_u16()),
            headers: serde_json::to_string(&headers).map_err(Problem::internal)?,
            body: receipt.as_ref().unwrap_or(body),
            created_at: now,
        };
        let _one = conn.execute(diesel::insert_into(idempotency_keys::table).values(new))?;
        Ok((created, false))
    }

    /// The response that is stored under `key`, if there is one.
    ///
    /// # Errors
    /// `idempotency-key-reused`, when the key came with another path or body; the database's errors ([`Conn`]).
    pub fn find(&self, conn: &mut Conn, key: &RequestKey) -> Result<Option<Created>, Problem> {
        let old = Timestamp::now().minus(KEPT);
        let stored = self.stored(conn, key)?.filter(|stored| stored.created_at > old);
        stored.map(|stored| stored.answer(key)).transpose()
    }

    fn stored(&self, conn: &mut Conn, key: &RequestKey) -> Result<Option<AnswerRow>, Problem> {
        let mine = idempotency_keys::table.find((self.0, &key.name));
        Ok(conn.find(mine.select(columns::<AnswerRow>()))?)
    }

    /// The number of keys under which the user has a stored response, counted no further than `most`: with it
    /// [`BookLimits`](crate::book_limits::BookLimits) holds users to a limit.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn count_up_to(&self, conn: &mut Conn, most: i64) -> Result<i64, Problem> {
        Ok(conn.one(diesel::select(CountUpTo::new(idempotency_keys::user_id, self.0, most)))?)
    }

    /// Deletes stored responses of a deleted account, at most `most`. Tells how many; call it again until these are
    /// fewer than `most`, and none is left.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn delete_some(&self, conn: &mut Conn, most: usize) -> Result<usize, Problem> {
        let mine = idempotency_keys::table.filter(idempotency_keys::user_id.eq(self.0));
        let some = mine.order(idempotency_keys::key).limit(rows(most)).select(idempotency_keys::key);
        let keys: Vec<String> = conn.load(some)?;
        let Some(last) = keys.last() else { return Ok(0) };
        Ok(conn.execute(diesel::delete(mine.filter(idempotency_keys::key.le(last))))?)
    }
}

impl AnswerRow {
    /// The response, for a request with this key.
    fn answer(self, key: &RequestKey) -> Result<Created, Problem> {
        if self.fingerprint != key.fingerprint {
            return Err(Kind::IdempotencyKeyReused.into());
        }
        let Headers { location, etag, link } = serde_json::from_str(&self.headers).map_err(Problem::internal)?;
        let status = u16::try_from(self.status).map_err(Problem::internal)?;
        Ok(Created { status: Created::status(status)?, location, etag, link, body: self.body, receipt: None })
    }
}

/// Deletes about 500 stored responses of any user that are 24 hours old. Returns whether to call it again, as there may
/// be more.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn sweep(conn: &mut Conn) -> Result<bool, Problem> {
    let old = Timestamp::now().minus(KEPT);
    let oldest = idempotency_keys::table
        .filter(idempotency_keys::created_at.le(old))
        .order(idempotency_keys::created_at)
        .limit(SWEPT_AT_ONCE)
        .select(idempotency_keys::created_at);
    let oldest: Vec<Timestamp> = conn.load(oldest)?;
    let Some(last) = oldest.last() else { return Ok(false) };
    let _rows = conn.execute(diesel::delete(idempotency_keys::table.filter(idempotency_keys::created_at.le(*last))))?;
    Ok(true)
}

//! Creating once, however often it is tried: with an `Idempotency-Key` the response is stored in the very transaction
//! that makes the row, and a retry gets the same bytes (after the IETF draft
//! draft-ietf-httpapi-idempotency-key-header). Keys are kept for a day.
//!
//! # Why the response is stored in the row's own transaction
//!
//! A client that got no response cannot tell whether the row was made. If the key were written before the row, a crash
//! between them would leave a key without a row, and every retry would be told of something that never happened; if
//! after, a row without a key, and the retry would make it twice. In one transaction either both are there or neither
//! is. The unique key also decides between two retries at the same moment: the loser finds the winner's response and
//! sends that.

mod repo;

use std::{
    future::{Future, Ready, ready},
    pin::Pin,
    time::Duration,
};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    dev::Payload,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use aws_lc_rs::digest;
use serde_json::Value;

pub use self::repo::{Answers, sweep};
use crate::{
    body::{read_fields, read_json},
    book_limits::{BookLimits, Full, Rows, Shelf},
    db::{BookEntry, Db},
    ids::UserId,
    lists::CanonicalPath,
    problem::{Kind, Problem},
    wire::{Created, FromBody},
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The most characters of a key.
const LONGEST_KEY: usize = 255;
/// The time for which a response is kept.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The `Idempotency-Key` of a request, and a fingerprint of its path and body, by which a retry is told from another
/// request under the same key.
#[derive(Clone)]
pub struct RequestKey {
    name: String,
    /// The SHA-256 of the path and the body, so that a key that is used for another request is noticed.
    fingerprint: Vec<u8>,
}

/// The extractor for a create: the body as [`Valid`](crate::body::Valid) reads it, with the `Idempotency-Key` of the
/// request, if it has one: 1 to 255 visible ASCII characters, and `malformed-request` otherwise, or if there are two.
/// [`Idempotent::create`] then makes the row once, even if the request comes again within 24 hours.
pub struct Idempotent<T> {
    new: T,
    key: Option<RequestKey>,
}

impl<T: FromBody> FromRequest for Idempotent<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let name = key_name(request.headers());
        let path = name.as_ref().is_ok_and(Option::is_some).then(|| CanonicalPath::of(request).to_owned());
        let json = read_json(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let name = name?;
            let mut json = json.await?;
            let key = name.zip(path).map(|(name, path)| RequestKey::new(name, &path, &mut json));
            Ok(Self::of(read_fields(&request, json).await?, key))
        })
    }
}

/// The `Idempotency-Key` of a request without a body, if it has one. An extractor, which refuses it as [`Idempotent`]
/// does.
pub struct BodilessKey(
    /// The key; `None` without one.
    pub Option<RequestKey>,
);

impl FromRequest for BodilessKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let name = key_name(request.headers());
        let path = CanonicalPath::of(request);
        ready(name.map(|name| Self(name.map(|name| RequestKey::new(name, path, &mut Value::Null)))))
    }
}

/// The caller's `Idempotency-Key`, if there is one.
///
/// # Errors
/// `malformed-request`, when it is not 1 to 255 visible ASCII characters, or there are two.
pub fn key_name(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let malformed = || {
        let detail = format!("Idempotency-Key is one header of 1 to {LONGEST_KEY} visible ASCII characters.");
        Problem::new(Kind::MalformedRequest).with_detail(detail)
    };
    let mut values = headers.get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else { return Ok(None) };
    let name = std::str::from_utf8(value.as_bytes()).map_err(|_| malformed())?;
    let is_plain = (1..=LONGEST_KEY).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain && values.next().is_none() { Ok(Some(name.to_owned())) } else { Err(malformed()) }
}

impl RequestKey {
    /// The key `name` of a request with this path and body. The order of the body's keys, and white space between them,
    /// do not matter.
    pub fn new(name: String, path: &str, body: &mut Value) -> Self {
        body.sort_all_objects();
        let fingerprint = digest::digest(&digest::SHA256, format!("{path}\n{body}").as_bytes());
        Self { name, fingerprint: fingerprint.as_ref().to_vec() }
    }
}

/// The limit on keys of the last day: as many as rows.
const SHELF: Shelf = Shelf { rows: Rows::Keys, count: |conn, me, most| Answers::of(me).count_up_to(conn, most) };

impl<T> Idempotent<T> {
    /// The body `new` of a request that came with `key`.
    pub fn of(new: T, key: Option<RequestKey>) -> Self {
        Self { new, key }
    }
}

impl<T: Send + 'static> Idempotent<T> {
    /// Makes the row with `make`, after reserving room for it in the limits of `user` on rows of the kind `shelf`
    /// ([`BookLimits::reserve`]). With an `Idempotency-Key` the response is stored in the same transaction; if it was stored
    /// before, it is returned, with `Idempotency-Replayed: true`, and nothing is made.
    ///
    /// # Errors
    /// As [`Idempotent::create_in`].
    pub async fn create<F>(
        self,
        db: &Db,
        limits: &BookLimits,
        user: UserId,
        shelf: &Shelf,
        make: F,
    ) -> Result<HttpResponse, Problem>
    where
        F: Fn(BookEntry<'_>, &T) -> Result<Created, Problem> + Send + 'static,
    {
        self.create_in(db, limits, user, limits.reserve(db, user, shelf), make).await
    }

    /// Makes rows as [`Idempotent::create`] does, in the room that `room` reserves.
    ///
    /// # Errors
    /// The errors of `make`, which are not stored; `idempotency-key-reused`, when the key came with another path or
    /// body; the problem of [`Full`], such as `too-many-dogs` or `too-many-idempotency-keys`; `overloaded`,
    /// `too-many-requests` or `unavailable`, as [`Db::write`].
    pub async fn create_in<R, F>(
        self,
        db: &Db,
        limits: &BookLimits,
        user: UserId,
        room: impl Future<Output = Result<Result<R, Full>, Problem>>,
        make: F,
    ) -> Result<HttpResponse, Problem>
    where
        F: Fn(BookEntry<'_>, &T) -> Result<Created, Problem> + Send + 'static,
    {
        let (created, is_replayed) = self.create_once(db, limits, user, room, make).await?;
        Ok(respond(created, is_replayed))
    }

    /// Makes rows as [`Idempotent::create_in`] does, and tells with true that the response was stored before: then its
    /// body is the receipt, if one was stored instead.
    ///
    /// # Errors
    /// As [`Idempotent::create_in`].
    pub async fn create_once<R, F>(
        self,
        db: &Db,
        limits: &BookLimits,
        user: UserId,
        room: impl Future<Output = Result<Result<R, Full>, Problem>>,
        make: F,
    ) -> Result<(Created, bool), Problem>
    where
        F: Fn(BookEntry<'_>, &T) -> Result<Created, Problem> + Send + 'static,
    {
        let Self { new, key } = self;
        let Some(key) = key else {
            let _room = room.await??;
            return Ok((db.create_in_book(user, move |entry| make(entry, &new)).await?, false));
        };
        // Room for the key and for the rows.
        let reserved = match limits.reserve(db, user, &SHELF).await? {
            Ok(of_key) => room.await?.map(|of_rows| (of_key, of_rows)),
            Err(full) => Err(full),
        };
        // A stored response is sent again, however full the book is by now.
        let full = reserved.as_ref().err().copied();
        let make = move |entry: BookEntry<'_>| full.map_or_else(|| make(entry, &new), |full| Err(full.into()));
        let same_key = key.clone();
        let made = db.write(move |conn| Answers::of(user).once(conn, &key, &make)).await;
        db.hub().tell(user);
        match made {
            // What stands in the way may be what the same request did a moment ago.
            Err(problem) if problem.kind().status().is_client_error() => {
                let stored = db.read(move |conn| Answers::of(user).find(conn, &same_key)).await?;
                stored.map(|stored| (stored, true)).ok_or(problem)
            }
            made => made,
        }
    }
}

/// The response to a request that makes something once; one that was stored before says so (`Idempotency-Replayed`).
#[must_use]
pub fn respond(created: Created, is_replayed: bool) -> HttpResponse {
    let mut response = HttpResponse::from(created);
    if is_replayed {
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

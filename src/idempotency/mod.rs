//! Creating once, however often it is tried: with an `Idempotency-Key` the answer is stored in the very
//! transaction that makes the row, and a retry gets the same bytes (after the IETF draft
//! draft-ietf-httpapi-idempotency-key-header). Keys are kept for a day.

mod repo;

use std::{future::Future, pin::Pin, time::Duration};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    dev::Payload,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use aws_lc_rs::digest;
use serde_json::Value;

use self::repo::Answers;
pub use self::repo::sweep;
use crate::{
    db::{Connection, Db},
    problem::{Kind, Problem},
    users::UserId,
    wire::{CanonicalPath, Created, FromBody, read_fields, read_json},
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Characters of a key.
const LONGEST_KEY: usize = 255;
/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// What a caller calls its request, and what the request was.
struct Key {
    name: String,
    /// SHA-256 of the path and the body, so that a key that is used for something else is noticed.
    fingerprint: Vec<u8>,
}

/// A body to make a row of, which may come again.
pub struct Retryable<T> {
    new: T,
    key: Option<Key>,
}

impl<T: FromBody> FromRequest for Retryable<T> {
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
            let key = name.zip(path).map(|(name, path)| Key { name, fingerprint: fingerprint(&path, &mut json) });
            Ok(Self { new: read_fields(&request, json).await?, key })
        })
    }
}

/// The caller's key, if there is one.
fn key_name(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let malformed = || {
        let detail = format!("Idempotency-Key is one header of 1 to {LONGEST_KEY} visible ASCII characters.");
        Problem::new(Kind::MalformedRequest).with_detail(detail)
    };
    let mut values = headers.get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else { return Ok(None) };
    let name = value.to_str().map_err(|_| malformed())?;
    let is_plain = (1..=LONGEST_KEY).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain && values.next().is_none() { Ok(Some(name.to_owned())) } else { Err(malformed()) }
}

/// The order of keys and the white space between them make no other body.
fn fingerprint(path: &str, body: &mut Value) -> Vec<u8> {
    body.sort_all_objects();
    digest::digest(&digest::SHA256, format!("{path}\n{body}").as_bytes()).as_ref().to_vec()
}

/// What a new row is made of.
pub trait New: Send + 'static {
    /// Whether one statement makes the row.
    fn takes_one_statement(&self) -> bool {
        true
    }
}

impl<T: New> Retryable<T> {
    /// Makes the row with `make`, in one transaction with its stored answer; or gives the answer that is stored.
    ///
    /// # Errors
    /// Those of `make`, of which nothing is stored; `idempotency-key-reused`.
    pub async fn create<F>(self, db: &Db, user: UserId, make: F) -> Result<HttpResponse, Problem>
    where
        F: Fn(&mut Connection, &T) -> Result<Created, Problem> + Send + 'static,
    {
        let Self { new, key } = self;
        let (created, replayed) = match key {
            None if new.takes_one_statement() => (db.write_statement(move |conn| make(conn, &new)).await?, false),
            None => (db.write(move |conn| make(conn, &new)).await?, false),
            Some(key) => db.write(move |conn| Answers::of(user).once(conn, &key, |conn| make(conn, &new))).await?,
        };
        let mut response = HttpResponse::from(created);
        if replayed {
            response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(response)
    }
}

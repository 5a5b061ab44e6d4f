//! The response to a request that changes something once, however often it is sent.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{ETAG, LINK, LOCATION},
    },
};
use serde::Serialize;

use super::conditional::tag_of;
use crate::problem::Problem;

/// The response to a request that created a row: 201 with the row as JSON, its path as `Location`, and its `ETag`; or
/// to one that took changes back. Kept as bytes, so that it can be stored and sent again.
#[derive(Debug)]
pub struct Created {
    /// The status: 201, or 200 where nothing has an address of its own.
    pub status: StatusCode,
    /// The path of the new row, for `Location`; `None` with 200.
    pub location: Option<String>,
    /// The value of `ETag`, with its quotes; `None` for what has no version.
    pub etag: Option<String>,
    /// The value of `Link` to the rest, where the body is a page of a list.
    pub link: Option<String>,
    /// The row as JSON, in bytes.
    pub body: Vec<u8>,
    /// The bytes that are stored under an `Idempotency-Key` instead of the body; `None` for the body itself.
    pub receipt: Option<Vec<u8>>,
}

impl Created {
    /// The response for a new row whose path is `location`, with `body` as JSON, and without an `ETag`.
    ///
    /// # Errors
    /// `internal-error`, when the body cannot be serialized; those of this service always can.
    pub fn new<T: Serialize>(location: String, body: &T) -> Result<Self, Problem> {
        let body = serde_json::to_vec(body).map_err(Problem::internal)?;
        Ok(Self { status: StatusCode::CREATED, location: Some(location), etag: None, link: None, body, receipt: None })
    }

    /// The response 200 with `body` as JSON, and the value of `Link`. Under an `Idempotency-Key` only `receipt` is stored,
    /// from which the caller makes the response anew: a page of rows is much, and may have to be forgotten.
    ///
    /// # Errors
    /// `internal-error`, when the body cannot be serialized; those of this service always can.
    pub fn page<T: Serialize>(body: &T, link: Option<String>, receipt: Vec<u8>) -> Result<Self, Problem> {
        let body = serde_json::to_vec(body).map_err(Problem::internal)?;
        Ok(Self { status: StatusCode::OK, location: None, etag: None, link, body, receipt: Some(receipt) })
    }

    /// The status with this number, of a response that was stored.
    ///
    /// # Errors
    /// `internal-error`, when there is no such status.
    pub fn status(number: u16) -> Result<StatusCode, Problem> {
        StatusCode::from_u16(number).map_err(Problem::internal)
    }

    /// Adds the `ETag` of the row's version, by which a client can make its next change conditional.
    #[must_use]
    pub fn version(self, version: i64) -> Self {
        Self { etag: Some(tag_of(version).to_string()), ..self }
    }
}

impl From<Created> for HttpResponse {
    fn from(created: Created) -> Self {
        let mut response = Self::build(created.status);
        response.content_type("application/json");
        for (name, value) in [(LOCATION, created.location), (ETAG, created.etag), (LINK, created.link)] {
            if let Some(value) = value {
                response.insert_header((name, value));
            }
        }
        response.body(created.body)
    }
}

//! The response to a request that creates a row.

use actix_web::{
    HttpResponse,
    http::header::{ETAG, LOCATION},
};
use serde::Serialize;

use super::conditional::tag_of;
use crate::problem::Problem;

/// The response to a request that created a row: 201 with the row as JSON, its path as `Location`, and its `ETag`. Kept
/// as bytes, so that it can be stored and sent again.
#[derive(Debug)]
pub struct Created {
    /// The path of the new row, for `Location`.
    pub location: String,
    /// The value of `ETag`, with its quotes; `None` for a row without a version.
    pub etag: Option<String>,
    /// The row as JSON, in bytes.
    pub body: Vec<u8>,
}

impl Created {
    /// The response for a new row whose path is `location`, with `body` as JSON, and without an `ETag`.
    ///
    /// # Errors
    /// `internal-error`, when the body cannot be serialized; those of this service always can.
    pub fn new<T: Serialize>(location: String, body: &T) -> Result<Self, Problem> {
        Ok(Self { location, etag: None, body: serde_json::to_vec(body).map_err(Problem::internal)? })
    }

    /// Adds the `ETag` of the row's version, by which a client can make its next change conditional.
    #[must_use]
    pub fn version(self, version: i64) -> Self {
        Self { etag: Some(tag_of(version).to_string()), ..self }
    }
}

impl From<Created> for HttpResponse {
    fn from(created: Created) -> Self {
        let mut response = Self::Created();
        response.insert_header((LOCATION, created.location)).content_type("application/json");
        if let Some(etag) = created.etag {
            response.insert_header((ETAG, etag));
        }
        response.body(created.body)
    }
}

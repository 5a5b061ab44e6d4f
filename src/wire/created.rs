//! The response to a create.

use actix_web::{
    HttpResponse,
    http::header::{ETAG, LOCATION},
};
use serde::Serialize;

use super::conditional::tag_of;
use crate::problem::Problem;

/// The response to a create, 201: the `Location` of the new row, its `ETag`, and its body as it is sent.
#[derive(Debug)]
pub struct Created {
    /// The path of the row.
    pub location: String,
    /// The value of `ETag`, with its quotes.
    pub etag: Option<String>,
    /// The row as JSON.
    pub body: Vec<u8>,
}

impl Created {
    /// Makes the response of a new row, whose path is `location`, without an `ETag`.
    ///
    /// # Errors
    /// `internal-error`, when the body cannot be serialized; those of the rooms always can.
    pub fn new<T: Serialize>(location: String, body: &T) -> Result<Self, Problem> {
        Ok(Self { location, etag: None, body: serde_json::to_vec(body).map_err(Problem::internal)? })
    }

    /// Adds the `ETag` of the row's version, for a later change.
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

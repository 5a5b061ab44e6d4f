//! What all bodies share: how they are read ([`Valid`], [`Fields`], [`Patch`]), what their fields may hold
//! (`text`, `id`), and how lists are paged ([`Page`], [`Listed`]). What a body is made of, each room's own
//! `wire.rs` says.

mod date;
mod fields;
pub mod id;
mod page;
mod patch;
pub mod text;
mod valid;

pub use date::date;
pub use fields::{Fault, Fields, FromBody};
pub use id::Id;
pub use page::{CanonicalPath, Listed, Page, Window, unknown_parameter};
pub use patch::Patch;
pub use valid::{BODY_LIMIT, Valid};

use actix_web::{
    HttpResponse,
    http::header::{HeaderName, HeaderValue},
};

use crate::problem::Problem;

/// A 201 with the row, and where it is to be found from now on.
///
/// # Errors
/// Never in practice: `location` is a path of ours.
pub fn created<T: serde::Serialize>(location: &str, body: &T) -> Result<HttpResponse, Problem> {
    const LOCATION: HeaderName = actix_web::http::header::LOCATION;
    let location = HeaderValue::from_str(location).map_err(Problem::internal)?;
    Ok(HttpResponse::Created().insert_header((LOCATION, location)).json(body))
}

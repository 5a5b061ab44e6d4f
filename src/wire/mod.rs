//! The common parts of all bodies: how their fields are read ([`Fields`], [`Patch`]) and what those may hold (`text`),
//! how queries are read ([`Query`]), and on which conditions a row is sent or changed ([`WithEtag`],
//! [`Preconditions`]). The bodies themselves are in each room's `wire.rs`.
//!
//! # Why bodies are not read by a derived `Deserialize`
//!
//! serde stops at the first error, and words it for a programmer. A form has several fields, and people who fill it in
//! want to know all that is wrong at once, each with its place (a JSON pointer, RFC 6901), a code that a program can
//! act on and words that say what to do. So a body is parsed into a [`serde_json::Value`] and its fields are taken out
//! one by one, each by a function that is tested by itself ([`Fields`]); a field that is left over is unknown, and an
//! error too. `null`, absent and present are three things in a PATCH (RFC 7396), which [`Patch`] keeps apart where
//! `Option` cannot.

mod accept;
mod conditional;
mod created;
mod date;
mod encoding;
mod endless;
mod fields;
mod imported;
mod moment;
mod names;
mod patch;
mod precompressed;
pub mod query;
mod reference;
pub mod text;
mod wanted;

pub use accept::{accepts, is_accepted, prefers};
pub use conditional::{Preconditions, WithEtag, etag_from_body, is_known, no_row, tag_of_bytes};
pub use created::Created;
pub use date::{date, day};
pub use endless::{Endless, TEXT_EVENT_STREAM};
pub use fields::{Fields, FromBody, boolean};
pub use imported::{Imported, RestoredRow, RowTimes};
pub use moment::past;
pub use names::Names;
pub use patch::Patch;
pub use precompressed::Precompressed;
pub use query::{FromQuery, MANY_ROWS, Query, Search, ValidQuery, unknown_parameter};
pub use reference::Reference;
pub use wanted::Wanted;

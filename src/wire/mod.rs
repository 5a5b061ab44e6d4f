//! What all bodies share: how they are read ([`Valid`], [`Fields`], [`Patch`]), what their fields may hold
//! (`text`, `id`), how queries are read ([`Query`]), and on which
//! conditions a row is sent or changed ([`WithEtag`], [`Preconditions`]). What a body is made of, each room's own
//! `wire.rs` says.

mod conditional;
mod created;
mod date;
mod encoding;
mod fields;
pub mod header;
pub mod id;
mod moment;
mod names;
mod patch;
pub mod query;
mod reference;
pub mod text;
mod valid;
mod wanted;

pub use conditional::{Preconditions, Versions, WithEtag, etag_from_body, is_known, tag_of_bytes};
pub use created::Created;
pub use date::{date, day};
pub use encoding::accepts_gzip;
pub use fields::{Fields, FromBody, Invalid, boolean};
pub use id::Id;
pub use names::Names;
pub use patch::{Changes, Patch};
pub use query::{FromQuery, MANY_ROWS, Query, Search, ValidQuery, unknown_parameter};
pub use reference::{Reference, read_fields};
pub use valid::{ACCEPT_PATCH, BODY_LIMIT, Optional, PATCH_TYPES, Valid, read_json};
pub use wanted::Wanted;

//! What all bodies share: how they are read ([`Valid`], [`Fields`], [`Patch`]), what their fields may hold
//! (`text`, `id`), how queries are read ([`Query`]) and lists paged ([`Page`], [`Listed`]), and on which
//! conditions a row is sent or changed ([`Single`], [`Preconditions`]). What a body is made of, each room's own
//! `wire.rs` says.

mod conditional;
mod created;
mod cursor;
mod date;
mod encoding;
mod fields;
pub mod header;
pub mod id;
mod listed;
mod moment;
mod names;
mod page;
mod patch;
mod query;
mod reference;
pub mod text;
mod valid;
mod wanted;

pub use conditional::{Preconditions, Single, Versions, is_known, tag_of_bytes, tagged};
pub use created::Created;
pub use date::{date, day};
pub use encoding::accepts_gzip;
pub use fields::{Fault, Fields, FromBody, boolean};
pub use id::Id;
pub use listed::Listed;
pub use names::Names;
pub use page::{Asked, CanonicalPath, List, Page};
pub use patch::{Changes, Patch};
pub use query::{FromQuery, MANY_ROWS, Queried, Query, Search, unknown_parameter};
pub use reference::{Reference, read_fields};
pub use valid::{ACCEPT_PATCH, BODY_LIMIT, Optional, PATCH_TYPES, Valid, read_json};
pub use wanted::Wanted;

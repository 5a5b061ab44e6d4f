//! The bodies of requests, as handlers take them: [`Valid`] reads one, checks every field and the rows that it names,
//! and looks again whether its session still stands if it was long on its way. What the fields of a body may hold is in
//! `wire`.

mod reference;
mod valid;

pub use reference::{Body, Reference, read_fields};
pub use valid::{ACCEPT_PATCH, BODY_LIMIT, Optional, PATCH_TYPES, Valid, read_json};

//! The bodies of requests, as handlers take them: [`Valid`] reads one, checks every field and the rows that it names,
//! and, if the body was long on its way, checks again that the session or API key still stands. How fields are read is
//! in `wire`.

mod reference;
mod valid;

pub use reference::read_fields;
pub use valid::{ACCEPT_PATCH, BodyLimits, Optional, PATCH_TYPES, Valid, parse, read_bytes, read_json};

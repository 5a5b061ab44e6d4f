//! Middleware around every request: the completion of responses ([`response`]), and whether the caller accepts their
//! media type (`accept`).

mod accept;
pub mod response;

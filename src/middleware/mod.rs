//! Middleware around every request: the completion of responses ([`response`]), and their counts ([`requests`]).

pub mod requests;
pub mod response;

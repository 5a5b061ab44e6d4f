//! Middleware around every request: the completion of responses ([`response`]).

pub mod response;

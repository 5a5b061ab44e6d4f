//! What wraps every request: the response that is completed whoever made it ([`response`]).

pub mod response;

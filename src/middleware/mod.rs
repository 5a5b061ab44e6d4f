//! What wraps every request: the response that is completed whoever made it ([`response`]), whether the caller takes
//! what we make (`accept`), and which pages may call from a browser ([`cors`]).

mod accept;
pub mod cors;
pub mod response;

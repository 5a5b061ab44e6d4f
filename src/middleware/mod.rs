//! What wraps every request: the response that is completed whoever made it ([`response`]), and whether the caller takes
//! what we make (`accept`).

mod accept;
pub mod response;

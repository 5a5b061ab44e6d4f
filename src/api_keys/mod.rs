//! API keys: for programs that cannot log in again and again. Their user sees which there are, makes one and ends one
//! here; how a request is proved by one is in `credentials`.

pub mod handlers;
mod repo;
mod wire;

pub use repo::ApiKeys;
pub use wire::ApiKeyOut;

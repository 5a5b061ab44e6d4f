//! API keys, for programs that cannot log in again and again: their user lists, makes and deletes them here. How a
//! request is authenticated by one is in `credentials`.

pub mod handlers;
mod repo;
mod wire;

pub use repo::ApiKeys;
pub use wire::ApiKeyOut;

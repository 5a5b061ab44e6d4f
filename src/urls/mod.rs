//! URLs and origins that people and pages reach the server by: how they are spelled, and which of them are the same.

mod app_url;
pub mod origin;
mod public_url;

pub use app_url::AppUrl;
pub use public_url::PublicUrl;

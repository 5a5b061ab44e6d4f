//! Profiles: the public descriptions of users. A user has one or none, and while there is one, the user's page and dogs
//! are public (`public`).

pub mod handlers;
mod repo;
mod wire;

pub use repo::Profiles;
pub use wire::{ImportedProfile, ProfileIn, ProfileOut};

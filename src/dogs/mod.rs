//! Dogs: each belongs to one owner in the same user's book; others may own it too (`co_owners`).

mod expand;
pub mod handlers;
mod repo;
mod wire;

pub use repo::Dogs;
pub use wire::{DogIn, DogOut};

/// The detail of the error for a dog that the user does not have.
pub const NO_SUCH_DOG: &str = "You have no dog with this id.";

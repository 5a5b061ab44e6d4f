//! Dogs: each belongs to one primary owner among the same user's owners; others may own it too (`co_owners`).

mod expand;
pub mod handlers;
mod repo;
mod wire;

pub use repo::{DogRow, Dogs};
pub use wire::{DogIn, DogOut, DogPatch};

/// The detail, for people, of the error at a field that names a dog which the user does not have.
pub const NO_SUCH_DOG: &str = "You have no dog with this id.";

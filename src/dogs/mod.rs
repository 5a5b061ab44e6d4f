//! Dogs: each belongs to one owner in the same user's book; others may own it too (`co_owners`).

mod expand;
pub mod handlers;
mod repo;
mod wire;

pub use repo::Dogs;
pub use wire::DogOut;

/// Stands for the table of dogs.
pub enum Dog {}

/// What is said of a dog that the user does not have.
pub const NO_SUCH_DOG: &str = "You have no dog with this id.";

/// The id of a dog.
pub type DogId = crate::wire::Id<Dog>;

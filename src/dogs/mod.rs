//! Dogs: each belongs to one owner in the same user's book.

pub mod handlers;
mod repo;
mod wire;

pub use repo::Dogs;

/// Stands for the table of dogs.
pub enum Dog {}

/// The id of a dog.
pub type DogId = crate::wire::Id<Dog>;

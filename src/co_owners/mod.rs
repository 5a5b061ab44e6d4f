//! Co-owners: the owners of a dog beside its primary owner. Many to many, and readable from both ends: a dog has its
//! co-owners, and an owner's dogs (`dogs`) are those of both roles.

pub mod handlers;
mod repo;
mod wire;

pub use repo::{CoOwnerIds, CoOwners, IdList};

/// The most co-owners of a dog.
pub const MOST_CO_OWNERS: usize = 20;

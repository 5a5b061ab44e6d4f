//! Co-owners: who owns a dog beside its primary owner. Many to many, and readable from both ends: a dog has its
//! co-owners, and an owner's dogs (`dogs`) are those of both roles.

pub mod handlers;
mod repo;
mod wire;

pub use repo::{CoOwnerIds, CoOwners, IdList};

/// How many a dog may have.
pub const MOST_CO_OWNERS: usize = 20;

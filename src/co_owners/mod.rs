//! Co-owners: the owners of a dog beside its primary owner, many to many. A dog's co-owners are listed here; the dogs
//! of an owner, in either role, in `dogs`.

pub mod handlers;
mod repo;
mod wire;

pub use repo::{CoOwnerIds, CoOwners, IdList};

/// The most co-owners that a dog may have beside its primary owner.
pub const MOST_CO_OWNERS: usize = 20;

//! Owners: the people whose dogs a user looks after. Copy this room to make another one.

pub mod handlers;
mod repo;
mod wire;

pub use repo::{OwnerRow, Owners, SORTS};
pub use wire::OwnerOut;

/// Stands for the table of owners.
pub enum Owner {}

/// The id of an owner.
pub type OwnerId = crate::wire::Id<Owner>;

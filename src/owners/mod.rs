//! Owners: the people whose dogs a user looks after. The shortest room with a list.

pub mod handlers;
mod repo;
mod wire;

pub use repo::{OwnerRow, Owners, SORTS};
pub use wire::{OwnerIn, OwnerOut};

/// The detail of the error for an owner whom the user does not have.
pub const NO_SUCH_OWNER: &str = "You have no owner with this id.";

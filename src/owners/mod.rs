//! Owners: the people whose dogs a user looks after. Of the modules about a resource with a list the shortest, so read
//! it first.

pub mod handlers;
mod repo;
mod wire;

pub use repo::{OwnerRow, Owners, SORTS};
pub use wire::{OwnerIn, OwnerOut, OwnerPatch};

/// The detail, for people, of the error at a field that names an owner whom the user does not have.
pub const NO_SUCH_OWNER: &str = "You have no owner with this id.";

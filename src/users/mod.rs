//! Users: who somebody is in the database, and what is shown of it. How one becomes a user, and proves to be one, is in
//! `auth`; `/me`, the account of the user who asks, in `me`.

mod repo;
mod wire;

pub use repo::{NewUser, UserRow, Users};
pub(crate) use repo::{USERNAME_TAKEN, one, taken_by_others};
pub(crate) use wire::key;
pub use wire::{Email, SignupPolicy, UserOut, Username, UsernameKey, with_ascii_domain};

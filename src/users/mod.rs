//! Users: their rows in the database, and what is shown of them. Signing up and logging in are in `auth`; `/me`, the
//! caller's own account, is in `me`.

mod repo;
mod wire;

pub use repo::{NewUser, UserRow, Users};
pub(crate) use repo::{USERNAME_TAKEN, one, taken_by_others};
pub(crate) use wire::key;
pub use wire::{Email, SignupPolicy, UserOut, Username, UsernameKey, with_ascii_domain};

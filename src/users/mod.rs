//! Accounts: who a user is, and what `/me` shows of it. How one becomes a user, and proves to be one, is in
//! `auth`.

mod account;
mod deletion;
mod export;
pub mod handlers;
mod repo;
mod wire;

pub use account::{AccountRow, ListedRow, LoginKey};
pub use deletion::sweep;
pub use export::ExportTimeout;
pub use repo::{NewUser, UserRow, Users};
pub use wire::{Email, SignupPolicy, UserOut, Username, UsernameKey, with_ascii_domain};

/// Stands for the table of users.
pub enum User {}

/// The id of a user.
pub type UserId = crate::wire::Id<User>;

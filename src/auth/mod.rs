//! Accounts at the door: signing up, logging in and out, and the gate that lets a request through.
//! What an account is otherwise (its own page, `/me`), is in `users`. Start with `gate`, then `token`,
//! `password` and `repo` (sessions).

#![deny(unused_results)]

pub mod gate;
pub mod handlers;
pub mod keys;
pub mod password;
mod repo;
mod strength;
pub mod token;
mod wire;

pub use gate::CurrentUser;
pub use repo::Sessions;
pub use wire::SessionOut;

/// Stands for the table of sessions.
pub enum Session {}

/// The id of a session: a token's `sid`.
pub type SessionId = crate::wire::Id<Session>;

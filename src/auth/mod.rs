//! Accounts at the door: signing up, logging in and out, and the gate that lets a request through.
//! What an account is otherwise (its own page, `/me`), is in `users`; what a login leaves behind, in `sessions`.
//! Start with `gate`, then `token`, `refresh`, `password` and `lock`.

#![deny(unused_results)]

mod attempt;
mod cookie;
pub mod gate;
pub mod handlers;
pub mod hasher;
pub mod issuer;
pub mod keys;
mod lock;
pub mod login;
pub mod password;
pub mod proof;
mod randomness;
pub mod recovery;
mod refresh;
pub mod renewal;
mod repo;
pub mod signer;
mod strength;
pub mod token;
mod turns;
pub mod verified;
mod wire;

pub use gate::CurrentUser;
pub use repo::{forgive, sweep};

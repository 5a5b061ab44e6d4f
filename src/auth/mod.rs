//! Accounts at the door: signing up, logging in and out, and the gate that lets a request through.
//! What an account is otherwise (its own page, `/me`), is in `me`; what a login leaves behind, in `sessions`.
//! Start with `gate`, then `tokens`, `handlers::login`, `passwords` and `throttle`.

#![deny(unused_results)]

pub mod gate;
pub mod handlers;
pub mod passwords;
mod throttle;
pub mod tokens;
mod wire;

pub use throttle::repo::{forgive, sweep};

//! Authentication: signing up, logging in and out, and the gate that lets a request through.
//! The account itself (`/me`) is in `me`; the sessions that logins begin, in `sessions`.
//! Start with `gate`, then `tokens`, `handlers::login`, `passwords` and `throttle`.

#![deny(unused_results)]

pub mod gate;
pub mod handlers;
pub mod passwords;
mod throttle;
pub mod tokens;
mod wire;

pub use throttle::repo::{forgive, sweep};

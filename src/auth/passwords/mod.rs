//! Passwords: the rules for a new one, how its hash is computed, and on which threads.

pub mod hasher;
pub mod password;
mod turns;

//! Passwords: the rules for a new one, how its hash is computed, on which threads, and in whose turn.

pub mod hasher;
pub mod password;
mod turns;

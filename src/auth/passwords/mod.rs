//! Passwords: what a new one must be, how its hash is computed, on which threads, and in whose turn.

pub mod hasher;
pub mod password;
mod turns;

//! Guessing passwords, from one place or from many, leads nowhere and locks nobody out.

pub mod account_lockout;
pub mod address_limits;
pub mod brute_force;

crate::support::gather![account_lockout, address_limits, brute_force];

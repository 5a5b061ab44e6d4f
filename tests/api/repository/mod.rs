//! The repository: what it holds twice agrees, its walls stand, and its tutorial works as printed.

pub mod house;
pub mod tutorial;

crate::support::gather![house, tutorial];

//! The repository: what it holds twice agrees, its walls stand, its packaging sets what is read, and its tutorial works
//! as printed.

pub mod house;
pub mod packaging;
pub mod tutorial;

crate::support::gather![house, packaging, tutorial];

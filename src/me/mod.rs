//! The caller's own account (`/me`): shown, changed, and deleted with everything that it has.

mod deletion;
pub mod handlers;
mod repo;
mod wire;

pub use deletion::{EraseSignal, sweep};

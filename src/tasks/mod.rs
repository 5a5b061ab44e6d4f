//! Tasks: things to do, for one of the user's dogs or for none in particular.

pub mod handlers;
mod repo;
mod wire;

pub use repo::Tasks;
pub use wire::{EarlierTask, ImportedTask, TaskIn, TaskOut};

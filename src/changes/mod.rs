//! The log of changes to a user's book (owners, dogs and tasks): what became of which row, in an order without gaps.
//! From it follow the history of a row, taking changes back, and keeping a copy in step. [`db::Book`](crate::db::Book)
//! writes it, in the transaction of each change.

pub mod handlers;
mod repo;
mod stream;
mod sweep;
mod undo;
mod wire;

pub use repo::Changes;
pub use stream::watch_others;
pub use sweep::sweep;
pub use wire::ChangeOut;

//! Requests that a session made and that wait: for another e-mail address. Each stands in the session's own row, and
//! so ends with the session, however that ends: ending one clears it, deleting one takes it along, and of one that has
//! expired, or whose user is disabled, it is not found.

mod repo;

pub use repo::{PendingEmail, sweep};

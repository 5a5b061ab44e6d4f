//! A session's pending request for another e-mail address. Each stands in the session's own row, and so ends with the
//! session, however that ends: ending a session clears it, deleting one takes it along, and that of a session that has
//! expired, or whose user is disabled, is not found.

mod repo;

pub use repo::{PendingEmail, sweep};

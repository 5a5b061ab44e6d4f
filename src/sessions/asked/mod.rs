//! The new e-mail address that a session asks for, until it is confirmed. It is stored in the session's own row, and so
//! ends with the session: ending a session clears it, deleting one takes it along, and the address of a session that
//! has expired, or whose user is disabled, is not found.

mod repo;

pub use repo::{PendingEmail, sweep};

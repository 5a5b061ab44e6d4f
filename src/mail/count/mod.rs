//! The limit of mails of a kind in an hour, for one address and by one user. Mails are counted when they are queued,
//! and in no row of an account: deleting it, and signing up again, resets no count.

mod repo;

pub use repo::{MailQuota, count, sweep};

//! The limit of mails: five of a kind in an hour, for one address and by one user. They are counted when they are
//! queued, and not in the account's row: to delete an account and sign up again resets no count.

mod repo;

pub use repo::{MailQuota, count, sweep};

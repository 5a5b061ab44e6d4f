//! Accounts as mails and the people who run the server see them: the address, the password's hash, and whether the
//! account may be used. The user's own view of the account is in `me`.

mod repo;

pub use repo::{AccountRow, ListedRow, LoginKey};

//! An account as mails and the people who run the server see it: who holds its address, who knows its password, and
//! whether it may be used. What the user itself sees of it is one floor up.

mod repo;

pub use repo::{AccountRow, ListedRow, LoginKey};

//! Mail: what is written, how it is sent, what it must not tell, and how much there may be.

pub mod failures;
pub mod limits;
pub mod messages;
pub mod outbox_folder;
pub mod privacy;
pub mod tokens;
pub mod transport;

crate::support::gather![failures, limits, messages, outbox_folder, privacy, tokens, transport];

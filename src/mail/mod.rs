//! Mail: a queue in the database, filled in the transaction that gives a reason to write, and a worker that sends
//! what is due. The queue holds no text and no token: both are made when a mail is sent, of what is true by then.
//! Start with `worker`; what is written is in `letter`, and how it is sent in `transport`.

mod count;
mod letter;
mod outbox;
mod repo;
pub mod token;
mod transport;
mod url;
mod worker;

pub use lettre::message::Mailbox;

pub use self::{
    count::sweep as sweep_counts,
    letter::{Destination, MailKind},
    repo::{Mails, sweep},
    transport::Transport,
    url::MailUrl,
    worker::{MailSignal, Worker},
};

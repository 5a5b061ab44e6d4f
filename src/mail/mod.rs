//! Mail: a queue in the database, filled in the transaction that gives the reason, and a worker that sends the mails
//! that are due. The queue holds no text and no token: both are made when a mail is sent, from what is true by then.
//! Start with `worker`; the texts are in `letter`, the sending in `transport`.

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
    repo::{Mails, count_waiting, sweep},
    transport::Transport,
    url::MailUrl,
    worker::{MailSignal, Worker},
};

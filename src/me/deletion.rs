//! The deletion of an account's rows, in transactions of about [`PIECE`] rows each, so that other writes get in
//! between. From the moment of the account's deletion no caller sees any of them. Where the process ends half-way, the
//! sweeper goes on.

use tokio::sync::Notify;

use crate::{
    changes::Changes,
    co_owners::CoOwners,
    db::{Conn, PIECE, forget_changes},
    dogs::Dogs,
    idempotency::Answers,
    ids::UserId,
    mail::Mails,
    owners::Owners,
    problem::Problem,
    sessions::Sessions,
    tasks::Tasks,
    users::Users,
};

/// A deletion of some rows of a user in one room, at most about so many. Returns how many; fewer, when none is left.
type Clear = fn(&mut Conn, UserId, usize) -> Result<usize, Problem>;

/// Every room with rows of a user, each after the rooms that point at its rows.
const ROOMS: &[Clear] = &[
    |conn, user, most| Tasks::of(user).delete_some(conn, most),
    |conn, user, most| CoOwners::of(user).delete_some(conn, most),
    |conn, user, most| Dogs::of(user).delete_some(conn, most),
    |conn, user, most| Owners::of(user).delete_some(conn, most),
    |conn, user, most| Changes::of(user).delete_some(conn, most),
    |conn, user, most| Answers::of(user).delete_some(conn, most),
    |conn, user, most| Sessions::of(user).delete_some(conn, most),
    |conn, user, most| Mails::of(user).delete_some(conn, most),
];

/// The signal that the rows of an account were deleted, from the handler to the [`sweeper`](crate::sweeper), which then
/// clears what SQLite's files still hold of them.
#[derive(Default)]
pub struct EraseSignal(Notify);

impl EraseSignal {
    /// Tells that rows were deleted. Call it once their transaction is committed.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Waits until rows were deleted, or returns at once if some were since the last call.
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}

/// Deletes about [`PIECE`] rows of a deleted account, and with the last of them the account's own. Returns whether to
/// call it again, in another transaction, as there is more.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn delete_rest(conn: &mut Conn, user: UserId) -> Result<bool, Problem> {
    // In the order in which a write of the book takes its locks.
    Changes::of(user).lock(conn)?;
    Users::of(user).lock_deleted(conn)?;
    let mut left = PIECE;
    for clear in ROOMS {
        left = left.saturating_sub(clear(conn, user, left)?);
        if left == 0 {
            return Ok(true);
        }
    }
    Users::of(user).remove_deleted(conn)?;
    // No foreign key takes the changes along, and a write that had begun may have logged one meanwhile. The book went
    // with the account, after whoever held it had ended: no more can come.
    forget_changes(conn, user, i64::MAX)?;
    Ok(false)
}

/// Deletes about [`PIECE`] rows of any deleted account that has some left, since its deletion was interrupted. Returns
/// whether to call it again, as there may be more.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn sweep(conn: &mut Conn) -> Result<bool, Problem> {
    let Some(user) = Users::find_deleted(conn)? else { return Ok(false) };
    let _of_this_one = delete_rest(conn, user)?;
    Ok(true)
}

//! What a deleted account leaves behind goes piece by piece, so that other writes get in between, however much it is.
//! From the moment of its deletion nobody sees any of it. Where the process ends half-way, the sweeper goes on.

use crate::{
    co_owners::CoOwners,
    db::{Conn, PIECE},
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

/// Deletes some rows of a user in one room, at most about so many. Tells how many; fewer, when none is left.
type Clear = fn(&mut Conn, UserId, usize) -> Result<usize, Problem>;

/// Every room with rows of a user, and none before those that point at its rows.
const ROOMS: &[Clear] = &[
    |conn, user, most| Tasks::of(user).delete_some(conn, most),
    |conn, user, most| CoOwners::of(user).delete_some(conn, most),
    |conn, user, most| Dogs::of(user).delete_some(conn, most),
    |conn, user, most| Owners::of(user).delete_some(conn, most),
    |conn, user, most| Answers::of(user).delete_some(conn, most),
    |conn, user, most| Sessions::of(user).delete_some(conn, most),
    |conn, user, most| Mails::of(user).delete_some(conn, most),
];

/// Deletes the next piece of a deleted account; with the last one the account's own row. Tells whether there is more.
pub fn delete_rest(conn: &mut Conn, user: UserId) -> Result<bool, Problem> {
    Users::of(user).lock_deleted(conn)?;
    let mut left = PIECE;
    for clear in ROOMS {
        left = left.saturating_sub(clear(conn, user, left)?);
        if left == 0 {
            return Ok(true);
        }
    }
    Users::of(user).remove_deleted(conn)?;
    Ok(false)
}

/// Deletes a piece of some deleted account that was left half-way. Tells whether there may be more.
pub fn sweep(conn: &mut Conn) -> Result<bool, Problem> {
    let Some(user) = Users::find_deleted(conn)? else { return Ok(false) };
    let _of_this_one = delete_rest(conn, user)?;
    Ok(true)
}

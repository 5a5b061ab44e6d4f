//! The sweep of what is forgotten: of each book the changes that are too old or too many.

use std::time::Duration;

use super::repo::{Changes, books_after};
use crate::{
    db::{Db, MOST_CHANGES, SWEPT_AT_ONCE, timestamp::Timestamp},
    problem::Problem,
};

/// The books that are looked up at a time.
const BOOKS: usize = 500;

/// Deletes the changes that are older than `kept`, those beyond the newest 10,000 of a book, and those that were forgotten
/// on demand. Goes through all books, in transactions of some hundred rows. Returns whether any were deleted.
///
/// # Errors
/// `unavailable` or `overloaded`, as [`Db::write`]; what was deleted before stays so.
pub async fn sweep(db: &Db, kept: Duration) -> Result<bool, Problem> {
    let kept_since = Timestamp::now().minus(kept);
    let (mut after, mut is_any) = (0, false);
    loop {
        let books = db.read(move |conn| books_after(conn, after, BOOKS)).await?;
        let Some(last) = books.last() else { return Ok(is_any) };
        after = last.user.get();
        for book in books {
            let is_over = book.kept > MOST_CHANGES || book.oldest_at.is_some_and(|at| at < kept_since);
            if !is_over {
                continue;
            }
            is_any = true;
            let changes =
                move |conn: &mut _| Changes::of(book.user).forget_old(conn, kept_since, MOST_CHANGES, SWEPT_AT_ONCE);
            db.write_in_pieces(true, changes).await?;
        }
    }
}

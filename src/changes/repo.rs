//! Queries about the log of changes. Those of one user begin at [`Changes::of`].

use std::collections::{BTreeMap, BTreeSet};

use diesel::{
    dsl::{Eq, auto_type},
    prelude::*,
    sqlite::Sqlite,
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::wire::ChangesQuery;
use crate::{
    db::{
        BookResource, Conn, MOST_CHANGES, columns,
        expression::{AnyOf, When, when},
        forget_changes, rows,
        schema::{books, changes},
        timestamp::Timestamp,
    },
    dogs::{DogOut, Dogs},
    ids::{DogId, Id, OwnerId, TaskId, UserId},
    owners::{OwnerOut, Owners},
    problem::{Kind, Problem},
    tasks::{TaskOut, Tasks},
};

/// The state of a user's log of changes.
#[derive(Clone, Copy, Default, Queryable, Selectable)]
#[diesel(table_name = books, check_for_backend(Sqlite))]
pub struct BookState {
    /// The number of the newest change; 0 before the first.
    pub last: i64,
    /// The number up to which changes are forgotten; 0 for none.
    pub floor: i64,
}

/// A logged change of one row.
#[derive(Queryable, Selectable)]
#[diesel(table_name = changes, check_for_backend(Sqlite))]
pub struct ChangeRow {
    /// The number of the change: 1, 2, 3 … in each book.
    pub seq: i64,
    /// The number of the first change of the same operation.
    pub batch: i64,
    /// The time of the change.
    pub at: Timestamp,
    /// The kind of the row: a name of [`BookResource`].
    pub resource: String,
    /// The id of the row.
    pub row_id: i64,
    /// The name of an [`Action`](crate::db::Action).
    pub action: String,
    /// The version of the row after the change; of a deleted one its last.
    pub version: i64,
    /// A JSON object, how to take the change back; `None` for a row that was created.
    pub was: Option<String>,
    /// The batch that this one has taken back; `None`, if it has taken back none.
    pub undoes: Option<i64>,
}

impl ChangeRow {
    /// The row that was changed.
    pub fn row(&self) -> (&str, i64) {
        (&self.resource, self.row_id)
    }
}

/// Present rows as JSON, by their kind and id.
pub type PresentRows = BTreeMap<(String, i64), Box<RawValue>>;

/// Changes of a page, the rows that they are about as these are now, and whether there are more changes.
#[derive(Default)]
pub struct ChangesPage {
    /// The changes, in the order of the query.
    pub changes: Vec<ChangeRow>,
    /// The changed rows that there are still.
    pub present: PresentRows,
    /// Whether there are more changes behind the last.
    pub is_more: bool,
}

/// The log of changes to one user's book, and the only way to queries about it: `Changes::of(user)`.
pub struct Changes(UserId);

/// The changes of one user that are not forgotten, `after` a number and `before` another, as far as they are wanted.
#[auto_type]
fn wanted(user: UserId, after: i64, before: i64, query: &ChangesQuery) -> _ {
    let of_kind: When<Eq<changes::resource, &'static str>> =
        when(query.resource, |resource| changes::resource.eq(resource.name()));
    let of_row: When<Eq<changes::row_id, i64>> = when(query.id, |id| changes::row_id.eq(id));
    let mine: Eq<changes::user_id, UserId> = changes::user_id.eq(user);
    changes::table
        .filter(mine)
        .filter(changes::seq.gt(after))
        .filter(changes::seq.lt(before))
        .filter(of_kind)
        .filter(of_row)
}

impl Changes {
    /// The log of this user's book; no query runs yet.
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// The state of the log; that of an empty one, when nothing was ever changed. What is beyond the newest
    /// [`MOST_CHANGES`] is forgotten, though the sweep may not have come yet.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn book(&self, conn: &mut Conn) -> Result<BookState, Problem> {
        let stored = self.stored(conn)?;
        Ok(BookState { floor: stored.floor.max(stored.last - MOST_CHANGES), ..stored })
    }

    fn stored(&self, conn: &mut Conn) -> Result<BookState, Problem> {
        Ok(conn.find(books::table.find(self.0).select(columns::<BookState>()))?.unwrap_or_default())
    }

    /// A page of the changes that `query` wants, with the rows that they are about. Takes several queries, so run it in
    /// [`Db::snapshot`](crate::db::Db::snapshot).
    ///
    /// # Errors
    /// `changes-expired`, when changes after `after` are forgotten; `validation-failed`, when there is no change `after`
    /// yet; the database's errors ([`Conn`]).
    pub fn list(&self, conn: &mut Conn, query: &ChangesQuery) -> Result<ChangesPage, Problem> {
        let book = self.book(conn)?;
        if let Some(after) = query.after {
            book.check(after)?;
        }
        let after = query.after.unwrap_or_default().max(book.floor);
        // So ends nearly every poll and every heartbeat of a stream.
        if after >= book.last {
            return Ok(ChangesPage::default());
        }
        let before = query.before.unwrap_or(i64::MAX);
        let (wanted, enough) = (wanted(self.0, after, before, query), rows(query.limit + 1));
        let selected = wanted.select(columns::<ChangeRow>()).limit(enough);
        let mut changes: Vec<ChangeRow> = if query.is_newest_first {
            conn.load(selected.order(changes::seq.desc()))?
        } else {
            conn.load(selected.order(changes::seq))?
        };
        let is_more = changes.len() > query.limit;
        changes.truncate(query.limit);
        let present = self.present_rows(conn, &changes)?;
        Ok(ChangesPage { changes, present, is_more })
    }

    /// The next changes after the number `after` that are kept, at most `most`, the oldest first: with it the export reads
    /// them to their end.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn logged(&self, conn: &mut Conn, after: i64, most: usize) -> Result<Vec<ChangeRow>, Problem> {
        let mine = changes::table.filter(changes::user_id.eq(self.0)).filter(changes::seq.gt(after));
        Ok(conn.load(mine.order(changes::seq).limit(rows(most)).select(columns::<ChangeRow>()))?)
    }

    /// The rows that the changes are about, as far as there are any now: one query for each kind of rows.
    fn present_rows(&self, conn: &mut Conn, changes: &[ChangeRow]) -> Result<PresentRows, Problem> {
        let (mut owners, mut dogs, mut tasks) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for change in changes {
            let _is_new = match BookResource::named(&change.resource) {
                Some(BookResource::Owner) => Id::new(change.row_id).is_some_and(|id: OwnerId| owners.insert(id)),
                Some(BookResource::Dog) => Id::new(change.row_id).is_some_and(|id: DogId| dogs.insert(id)),
                Some(BookResource::Task) => Id::new(change.row_id).is_some_and(|id: TaskId| tasks.insert(id)),
                None => false,
            };
        }
        let mut present = PresentRows::new();
        if !owners.is_empty() {
            for row in Owners::of(self.0).those(conn, &owners)? {
                add(&mut present, BookResource::Owner, row.id.get(), &OwnerOut::from(row))?;
            }
        }
        if !dogs.is_empty() {
            for row in Dogs::of(self.0).those(conn, &dogs.into_iter().collect::<Vec<_>>())? {
                add(&mut present, BookResource::Dog, row.id.get(), &DogOut::from(row))?;
            }
        }
        if !tasks.is_empty() {
            for row in Tasks::of(self.0).those(conn, &tasks.into_iter().collect::<Vec<_>>())? {
                add(&mut present, BookResource::Task, row.id.get(), &TaskOut::from(row))?;
            }
        }
        Ok(present)
    }

    /// The number of the operation that the change `seq` belongs to, and all changes from its first one on. `last` is the
    /// number of the newest change, which the book itself does not tell while it is open for writing.
    ///
    /// # Errors
    /// `not-found`, when there is no such change; `changes-expired`, when it, or another of its operation, is forgotten;
    /// the database's errors ([`Conn`]).
    pub fn since_batch_of(&self, conn: &mut Conn, seq: i64, last: i64) -> Result<(i64, Vec<ChangeRow>), Problem> {
        let book = BookState { last, ..self.book(conn)? };
        let mine = changes::table.filter(changes::user_id.eq(self.0));
        if (1..=book.floor).contains(&seq) {
            return Err(book.forgotten(seq));
        }
        let batch: Option<i64> = conn.find(mine.filter(changes::seq.eq(seq)).select(changes::batch))?;
        let batch = batch.ok_or(Kind::NotFound)?;
        if batch <= book.floor {
            return Err(book.forgotten(batch));
        }
        let since = mine.filter(changes::seq.ge(batch)).order(changes::seq);
        Ok((batch, conn.load(since.select(columns::<ChangeRow>()))?))
    }

    /// Forgets the oldest changes up to the number `upto`, at most `most` of them. Tells whether there are more.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn forget(&self, conn: &mut Conn, upto: i64, most: i64) -> Result<bool, Problem> {
        let book = self.stored(conn)?;
        let floor = upto.min(book.last).min(book.floor + most);
        if floor <= book.floor {
            return Ok(false);
        }
        forget_changes(conn, self.0, floor)?;
        Ok(floor < upto.min(book.last))
    }

    /// Forgets the oldest changes, at most `most`, that were made before `kept_since`, or that are beyond the newest
    /// `most_kept`. Tells whether there may be more.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn forget_old(
        &self,
        conn: &mut Conn,
        kept_since: Timestamp,
        most_kept: i64,
        most: i64,
    ) -> Result<bool, Problem> {
        let book = self.stored(conn)?;
        let oldest = changes::table.filter(changes::user_id.eq(self.0)).filter(changes::seq.gt(book.floor));
        let oldest: Vec<Timestamp> = conn.load(oldest.order(changes::seq).limit(most).select(changes::at))?;
        let old = oldest.iter().take_while(|at| **at < kept_since).count();
        let upto = (book.floor + rows(old)).max(book.last - most_kept);
        let is_more = self.forget(conn, upto, most)?;
        Ok(is_more || rows(old) == most)
    }

    /// Locks the book until this transaction ends, as a write of it does. On SQLite nothing happens: there is one writer at
    /// a time anyway.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn lock(&self, conn: &mut Conn) -> Result<(), Problem> {
        if let Conn::Postgres(conn) = conn {
            let mine = books::table.find(self.0).select(books::last);
            let _last: Option<i64> = mine.for_update().first(conn).optional()?;
        }
        Ok(())
    }

    /// Deletes changes of a deleted account, at most `most`. Tells how many; call it again until these are fewer than
    /// `most`, and none is left.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn delete_some(&self, conn: &mut Conn, most: usize) -> Result<usize, Problem> {
        let mine = changes::table.filter(changes::user_id.eq(self.0));
        let oldest: Vec<i64> = conn.load(mine.order(changes::seq).limit(rows(most)).select(changes::seq))?;
        let Some(last) = oldest.last() else { return Ok(0) };
        Ok(conn.execute(diesel::delete(mine.filter(changes::seq.le(*last))))?)
    }
}

fn add(present: &mut PresentRows, resource: BookResource, id: i64, row: &impl Serialize) -> Result<(), Problem> {
    let json = to_raw_value(row).map_err(Problem::internal)?;
    let _none = present.insert((resource.name().to_owned(), id), json);
    Ok(())
}

impl BookState {
    /// Checks that a reader who has seen the change `after` can go on behind it.
    ///
    /// # Errors
    /// `changes-expired`, when changes after it are forgotten; `validation-failed`, when there is no such change yet.
    pub fn check(self, after: i64) -> Result<(), Problem> {
        if after > self.last {
            let detail = format!(
                "The newest change is {}. If you had a greater number from here, the database was put back to an earlier \
                 state since: read the lists again.",
                self.last
            );
            return Err(Problem::parameter("after", "out_of_range", detail));
        }
        if after < self.floor { Err(self.expired()) } else { Ok(()) }
    }

    /// The problem `changes-expired` for a reader, who has to read the lists again.
    pub fn expired(self) -> Problem {
        self.gone(format!(
            "Changes up to {} are forgotten; the newest is {}. Read the lists again, and follow the changes after that.",
            self.floor, self.last
        ))
    }

    /// The problem `changes-expired` for a reader who has seen the change `seen`, which there is not.
    pub fn put_back(self, seen: i64) -> Problem {
        let last = self.last;
        self.gone(format!(
            "There is no change {seen}; the newest is {last}. The database was put back to an earlier state. Read the lists \
             again, and follow the changes after {last}."
        ))
    }

    /// The problem `changes-expired` for a change that was to be taken back.
    fn forgotten(self, seq: i64) -> Problem {
        self.gone(format!(
            "Change {seq} is forgotten, and with it how the rows were: it cannot be taken back any more."
        ))
    }

    fn gone(self, detail: String) -> Problem {
        let problem = Problem::new(Kind::ChangesExpired).with_detail(detail);
        problem.with_member("floor", self.floor).with_member("last", self.last)
    }
}

/// A book, and when the oldest of its changes was made that is not forgotten.
pub struct BookAge {
    /// The user whose book it is.
    pub user: UserId,
    /// The number of changes that are kept.
    pub kept: i64,
    /// The time of the oldest of them; `None`, if there is none.
    pub oldest_at: Option<Timestamp>,
}

/// The next books behind that of the user with the id `after`, in the order of their users' ids, at most `most`.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn books_after(conn: &mut Conn, after: i64, most: usize) -> Result<Vec<BookAge>, Problem> {
    let next = books::table.filter(books::user_id.gt(after)).order(books::user_id).limit(rows(most));
    // As a value of each book's, and not joined to it: PostgreSQL may join by reading the whole log.
    let of_book = changes::table.filter(changes::user_id.eq(books::user_id));
    let oldest = of_book.filter(changes::seq.eq(books::floor + 1)).select(changes::at).single_value();
    let found: Vec<(UserId, i64, Option<Timestamp>)> =
        conn.load(next.select((books::user_id, books::last - books::floor, oldest)))?;
    Ok(found.into_iter().map(|(user, kept, oldest_at)| BookAge { user, kept, oldest_at }).collect())
}

/// The numbers of the newest changes of these users' books, as far as there are any.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn last_of(conn: &mut Conn, users: &[UserId]) -> Result<Vec<(UserId, i64)>, Problem> {
    let theirs = books::table.filter(AnyOf::new(books::user_id, users.iter().copied()));
    Ok(conn.load(theirs.select((books::user_id, books::last)))?)
}

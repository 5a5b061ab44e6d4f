//! A user's book (owners, dogs and tasks), open for writing, and the log of its changes.
//!
//! # Why each book has a counter of its own
//!
//! Followers of a log ask for "everything after number 120", so that a number must never become visible after a higher
//! one has. A sequence of the database does not promise that: transactions take their numbers in one order and commit
//! in another, and a reader between them never sees what was committed late. Here the number is a column of the book's
//! own row, raised in the transaction that makes the change and before any row is touched. The row's lock lets one
//! transaction after the other into a book, so their order is the order of their commits; a transaction that is rolled
//! back takes its numbers back, so there is no gap, and a client can prove by itself that it has seen everything. Other
//! books do not wait.
//!
//! The lock has a second use: whatever a transaction reads of its book stays so until it ends. So repositories read a
//! row, compare and write, and need no lock of their own on PostgreSQL; on SQLite there is one writer at a time anyway.

use diesel::{
    PgConnection, QueryResult, SqliteConnection,
    backend::Backend,
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    query_dsl::LoadQuery,
    serialize::ToSql,
    sql_types::{BigInt, HasSqlType},
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Broken, Conn, OnConstraint,
    archive::records,
    schema::{books, changes},
    timestamp::{Timestamp, Timestamptz},
};
use crate::{
    ids::UserId,
    problem::{Kind, Problem},
};

/// The most changes that are kept of a book, whatever their age: older ones are forgotten.
pub const MOST_CHANGES: i64 = 10_000;

/// The kind of a row in a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BookResource {
    /// An owner.
    Owner,
    /// A dog, with its co-owners.
    Dog,
    /// A task.
    Task,
}

impl BookResource {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Dog, Self::Task];

    /// The name in the database and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Dog => "dog",
            Self::Task => "task",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| resource.name() == name)
    }
}

/// The fate of a row in a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// There was no such row before.
    Created,
    /// The row got another version.
    Updated,
    /// There is no such row any more.
    Deleted,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Deleted];

    /// The name in the database and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }

    /// The action with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// A row of a book, as the log of changes needs it.
pub trait BookRow {
    /// The kind of the row.
    const RESOURCE: BookResource;

    /// The id.
    fn id(&self) -> i64;

    /// The version.
    fn version(&self) -> i64;

    /// The fields that a change can be taken back by, under their names in JSON.
    fn fields(&self) -> impl Serialize;

    /// The time when the row was made.
    fn created_at(&self) -> Timestamp;
}

/// A change of a row, that is to be logged.
struct Change {
    resource: BookResource,
    row_id: i64,
    action: Action,
    version: i64,
    was: Option<String>,
}

/// A user's book, open for writing: until the transaction ends that has opened it, nobody else changes it. Repositories
/// that write owners, dogs or tasks take it, and note in it what they did.
pub struct Book {
    owner: UserId,
    /// The number of the next change.
    next: i64,
    /// The changes that the book's row counts already, and that are not logged yet.
    counted: i64,
    batch: i64,
    /// The batch that this transaction takes back.
    undoes: Option<i64>,
    changes: Vec<Change>,
}

impl Book {
    /// Opens the book of `owner`, runs `job`, and logs what it noted, in the transaction that is open on `conn`.
    ///
    /// # Errors
    /// The errors of `job`; `revoked-token`, when the user was deleted a moment ago; the database's errors ([`Conn`]).
    pub(super) fn write<T>(
        conn: &mut Conn,
        owner: UserId,
        batch: Option<i64>,
        job: impl FnOnce(&mut Conn, &mut Self) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let mut book = Self::open(conn, owner, batch)?;
        let result = job(conn, &mut book)?;
        book.log(conn)?;
        Ok(result)
    }

    /// Counts one change, the usual number of them, and locks the book by that.
    fn open(conn: &mut Conn, owner: UserId, batch: Option<i64>) -> Result<Self, Problem> {
        let next = conn.one(NextNumber { owner }).on_constraint(no_user)?;
        Ok(Self { owner, next, counted: 1, batch: batch.unwrap_or(next), undoes: None, changes: Vec::new() })
    }

    /// Logs what was noted so far, and counts it: [`Db::write_book`](super::Db::write_book) does so in the end, and a
    /// job that reads the log before.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn log(&mut self, conn: &mut Conn) -> Result<(), Problem> {
        let (owner, batch, undoes, at, first) = (self.owner, self.batch, self.undoes, Timestamp::now(), self.next);
        let changes = std::mem::take(&mut self.changes);
        let count = i64::try_from(changes.len()).unwrap_or(i64::MAX);
        let uncounted = count - self.counted;
        (self.next, self.counted) = (first + count, 0);
        if uncounted != 0 {
            let book = books::table.find(owner);
            let _one = conn.execute(diesel::update(book).set(books::last.eq(books::last + uncounted)))?;
        }
        let row = |(seq, change): (i64, Change)| records::changes::Row {
            user_id: owner.get(),
            seq,
            batch,
            at,
            resource: change.resource.name().to_owned(),
            row_id: change.row_id,
            action: change.action.name().to_owned(),
            version: change.version,
            was: change.was,
            undoes,
        };
        let rows: Vec<_> = (first..).zip(changes).map(row).collect();
        match <[_; 1]>::try_from(rows) {
            // One statement, where a `COPY` is several.
            Ok([row]) => {
                let _one = conn.execute(diesel::insert_into(changes::table).values(row))?;
                Ok(())
            }
            Err(rows) if rows.is_empty() => Ok(()),
            Err(rows) => {
                records::changes::insert(conn, rows)?;
                self.forget_oldest(conn, count)
            }
        }
    }

    /// Deletes the oldest changes that are beyond the newest [`MOST_CHANGES`], twice as many as were just made: so a book
    /// whose rows are changed by thousands does not grow until it is swept, and nobody waits for what others left.
    fn forget_oldest(&self, conn: &mut Conn, made: i64) -> Result<(), Problem> {
        let upto = self.next - 1 - MOST_CHANGES;
        if upto <= 0 {
            return Ok(());
        }
        let floor: i64 = conn.one(books::table.find(self.owner).select(books::floor))?;
        let upto = upto.min(floor + 2 * made);
        if upto > floor {
            forget_changes(conn, self.owner, upto)?;
        }
        Ok(())
    }

    /// Checks that nobody has taken back what this operation did in its transactions before.
    ///
    /// # Errors
    /// `changed-since`, when somebody has; the database's errors ([`Conn`]).
    pub(super) fn require_not_undone(&self, conn: &mut Conn) -> Result<(), Problem> {
        let since = changes::table.filter(changes::user_id.eq(self.owner)).filter(changes::seq.gt(self.batch));
        let undo: Option<i64> =
            conn.find(since.filter(changes::undoes.eq(self.batch)).select(changes::seq).limit(1))?;
        let detail = "It was taken back while it went on: all that was deleted is there again.";
        undo.map_or(Ok(()), |_| Err(Problem::new(Kind::ChangedSince).with_detail(detail)))
    }

    /// The user whose book it is.
    #[must_use]
    pub fn owner(&self) -> UserId {
        self.owner
    }

    /// The number that marks all changes of an operation: that of its first change, were it the next one.
    #[must_use]
    pub fn batch(&self) -> i64 {
        self.batch
    }

    /// Notes that what follows takes this batch back.
    pub fn undo(&mut self, batch: i64) {
        self.undoes = Some(batch);
    }

    /// Notes that a row was made.
    pub fn created<R: BookRow>(&mut self, row: &R) {
        self.created_as::<R>(row.id(), row.version());
    }

    /// Notes that a row was made that has this id and this version.
    pub fn created_as<R: BookRow>(&mut self, row_id: i64, version: i64) {
        self.changes.push(Change { resource: R::RESOURCE, row_id, action: Action::Created, version, was: None });
    }

    /// Notes that a row got another version. What is logged are the fields that differ, as they were before.
    ///
    /// # Errors
    /// `internal-error`, when the fields are no JSON object.
    pub fn updated<R: BookRow>(&mut self, before: &R, after: &R) -> Result<(), Problem> {
        let (mut was, is) = (object(before)?, object(after)?);
        was.retain(|name, value| is.get(name) != Some(value));
        self.note::<R>(Action::Updated, after, &was)
    }

    /// Notes that a row was deleted. What is logged are its fields and the time when it was made.
    ///
    /// # Errors
    /// `internal-error`, when the fields are no JSON object.
    pub fn deleted<R: BookRow>(&mut self, row: &R) -> Result<(), Problem> {
        let mut was = object(row)?;
        let created_at = serde_json::to_value(row.created_at()).map_err(Problem::internal)?;
        let _none = was.insert("created_at".to_owned(), created_at);
        self.note::<R>(Action::Deleted, row, &was)
    }

    fn note<R: BookRow>(&mut self, action: Action, row: &R, was: &Map<String, Value>) -> Result<(), Problem> {
        let was = Some(serde_json::to_string(was).map_err(Problem::internal)?);
        self.changes.push(Change { resource: R::RESOURCE, row_id: row.id(), action, version: row.version(), was });
        Ok(())
    }
}

/// Forgets the changes of a user's book up to the number `upto`; others may have forgotten more meanwhile.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn forget_changes(conn: &mut Conn, user: UserId, upto: i64) -> Result<(), Problem> {
    let book = books::table.find(user).filter(books::floor.lt(upto));
    let _one_or_none = conn.execute(diesel::update(book).set(books::floor.eq(upto)))?;
    let forgotten = changes::table.filter(changes::user_id.eq(user)).filter(changes::seq.le(upto));
    let _rows = conn.execute(diesel::delete(forgotten))?;
    Ok(())
}

fn object(row: &impl BookRow) -> Result<Map<String, Value>, Problem> {
    match serde_json::to_value(row.fields()) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Problem::internal("the fields of a row are no object")),
        Err(error) => Err(Problem::internal(error)),
    }
}

/// The only row that a book's refers to is the user's.
fn no_user(broken: &Broken) -> Option<Problem> {
    (*broken == Broken::ForeignKey).then(|| Problem::new(Kind::RevokedToken))
}

/// A connection for one change of a user's book: a single `INSERT`, or a transaction. Either takes the whole value, so
/// that a second statement beside the first does not compile:
///
/// ```compile_fail,E0382
/// use kennel::{db::BookEntry, problem::Problem};
///
/// fn two_transactions(entry: BookEntry<'_>) -> Result<(), Problem> {
///     entry.transaction(|_conn, _book| Ok(()))?;
///     entry.transaction(|_conn, _book| Ok(()))
/// }
/// ```
///
/// ```
/// use kennel::{db::BookEntry, problem::Problem};
///
/// fn one_transaction(entry: BookEntry<'_>) -> Result<(), Problem> {
///     entry.transaction(|_conn, _book| Ok(()))
/// }
/// ```
pub struct BookEntry<'a> {
    conn: &'a mut Conn,
    owner: UserId,
}

impl<'a> BookEntry<'a> {
    /// The right to one change of the book of `owner`.
    pub fn on(conn: &'a mut Conn, owner: UserId) -> Self {
        Self { conn, owner }
    }

    /// Runs an `INSERT` that returns its row, and logs that row. On PostgreSQL that is a single statement, and so a
    /// single round trip. `explain` is that of [`OnConstraint::on_constraint`].
    ///
    /// # Errors
    /// The problems of `explain`; `revoked-token`, when the user was deleted a moment ago; the database's errors
    /// ([`Conn`]).
    pub fn insert<'query, Row, Insert>(
        self,
        insert: Insert,
        explain: impl FnOnce(&Broken) -> Option<Problem>,
    ) -> Result<Row, Problem>
    where
        Row: BookRow,
        Insert: LoadQuery<'query, SqliteConnection, Row> + LoadQuery<'query, PgConnection, Row>,
        LoggedInsert<Insert>: LoadQuery<'query, PgConnection, Row>,
    {
        let Self { conn, owner } = self;
        if let Conn::Postgres(conn) = conn {
            let logged =
                LoggedInsert { insert, number: NextNumber { owner }, resource: Row::RESOURCE, at: Timestamp::now() };
            return logged.get_result(conn).on_constraint(explain);
        }
        let mut book = Book::open(conn, owner, None)?;
        let row: Row = conn.one(insert).on_constraint(explain)?;
        book.created(&row);
        book.log(conn)?;
        Ok(row)
    }

    /// Runs several statements on the open book as one transaction, or as a part of the one that is open already.
    ///
    /// # Errors
    /// The errors of `job`, whose changes are undone then; `revoked-token`, when the user was deleted a moment ago; the
    /// database's errors ([`Conn`]).
    pub fn transaction<T>(self, job: impl FnOnce(&mut Conn, &mut Book) -> Result<T, Problem>) -> Result<T, Problem> {
        let Self { conn, owner } = self;
        conn.transaction(|conn| Book::write(conn, owner, None, job))
    }
}

/// The next number of a book, whose row is locked by that; 1 for its first. Diesel's own `INSERT … ON CONFLICT` is read
/// anew by the database each time, since what it sets may differ from one to the next; here it is always the same.
#[derive(QueryId)]
struct NextNumber {
    owner: UserId,
}

impl Query for NextNumber {
    type SqlType = BigInt;
}

impl<C> RunQueryDsl<C> for NextNumber {}

impl<DB: Backend + HasSqlType<BigInt>> QueryFragment<DB> for NextNumber
where
    UserId: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("INSERT INTO books (user_id, last) VALUES (");
        out.push_bind_param::<BigInt, _>(&self.owner)?;
        out.push_sql(", 1) ON CONFLICT (user_id) DO UPDATE SET last = books.last + 1 RETURNING last");
        Ok(())
    }
}

/// An `INSERT` of one row into a book, and what logs it, as one statement of PostgreSQL. Which of its parts runs first
/// does not matter: no lock but the book's is taken before the foreign keys are checked, and that is at the end.
pub struct LoggedInsert<Insert> {
    insert: Insert,
    number: NextNumber,
    resource: BookResource,
    at: Timestamp,
}

impl<Insert: Query> Query for LoggedInsert<Insert> {
    type SqlType = Insert::SqlType;
}

impl<Insert> RunQueryDsl<PgConnection> for LoggedInsert<Insert> {}

impl<Insert: QueryId> QueryId for LoggedInsert<Insert> {
    type QueryId = LoggedInsert<Insert::QueryId>;
    const HAS_STATIC_QUERY_ID: bool = Insert::HAS_STATIC_QUERY_ID;
}

impl<Insert: QueryFragment<Pg>> QueryFragment<Pg> for LoggedInsert<Insert> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH book AS (");
        self.number.walk_ast(out.reborrow())?;
        out.push_sql("), made AS (");
        self.insert.walk_ast(out.reborrow())?;
        out.push_sql(
            "), logged AS (INSERT INTO changes (user_id, seq, batch, at, resource, row_id, action, version) \
             SELECT ",
        );
        out.push_bind_param::<BigInt, _>(&self.number.owner)?;
        out.push_sql(", book.last, book.last, ");
        out.push_bind_param::<Timestamptz, _>(&self.at)?;
        out.push_sql(", '");
        out.push_sql(self.resource.name());
        out.push_sql("', made.id, 'created', made.version FROM book, made) SELECT * FROM made");
        Ok(())
    }
}

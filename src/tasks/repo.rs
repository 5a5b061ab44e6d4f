//! Queries about tasks. They all begin at [`Tasks::of`], so that none can leave one user's rows: a task that is not
//! there and another user's are the same `not-found`.

use chrono::NaiveDate;
use diesel::{
    dsl::{Eq, auto_type},
    prelude::*,
    sqlite::Sqlite,
};
use serde::Serialize;

use super::wire::{EarlierTask, ImportedTask, TaskFilter, TaskIn, TaskPatch};
use crate::{
    db::{
        Book, BookEntry, BookResource, BookRow, Broken, Conn, OnConstraint,
        column::CommonColumns,
        columns,
        expression::{AnyOf, Between, CountUpTo, DayOrLast, Narrowed, When, when},
        records, rows,
        schema::tasks,
        search_key, take_ids,
        timestamp::Timestamp,
    },
    dogs::NO_SUCH_DOG,
    ids::{DogId, TaskId, UserId},
    lists::{ListQuery, Page, Sort},
    problem::{Kind, Problem},
    wire::{Imported, Preconditions, RestoredRow, day},
};

/// A stored task of one user: a thing to do, for a dog or for none in particular.
#[derive(Queryable, Selectable)]
#[diesel(table_name = tasks, check_for_backend(Sqlite))]
pub struct TaskRow {
    /// The task's id.
    pub id: TaskId,
    /// The user who keeps the task.
    pub user_id: UserId,
    /// The dog that the task is about; `None`, if it is about none.
    pub dog_id: Option<DogId>,
    /// The text of the task, 1 to 120 characters.
    pub name: String,
    /// Whether the task is done.
    pub completed: bool,
    /// The time when the task was completed; `None`, while it is open.
    pub completed_at: Option<Timestamp>,
    /// The day by which the task is to be done; `None` for no day.
    pub due_on: Option<NaiveDate>,
    /// The time when the row was made.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// The version, which the `ETag` shows; each change adds 1.
    pub version: i64,
}

impl BookRow for TaskRow {
    const RESOURCE: BookResource = BookResource::Task;

    fn id(&self) -> i64 {
        self.id.get()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn fields(&self) -> impl Serialize {
        let Self { dog_id, name, completed, completed_at, due_on, .. } = self;
        let (dog_id, completed, completed_at, due_on) = (*dog_id, *completed, *completed_at, *due_on);
        TaskFields { dog_id, name, completed, completed_at, due_on }
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }
}

/// The fields of a task that a change can be taken back by.
#[derive(Serialize)]
struct TaskFields<'a> {
    dog_id: Option<DogId>,
    name: &'a str,
    completed: bool,
    completed_at: Option<Timestamp>,
    #[serde(serialize_with = "day")]
    due_on: Option<NaiveDate>,
}

#[derive(Insertable)]
#[diesel(table_name = tasks)]
struct NewTask<'a> {
    user_id: UserId,
    dog_id: Option<DogId>,
    name: &'a str,
    name_key: String,
    completed: bool,
    completed_at: Option<Timestamp>,
    due_on: Option<NaiveDate>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(AsChangeset)]
#[diesel(table_name = tasks)]
struct TaskChanges<'a> {
    /// `None` keeps the dog, `Some(None)` clears it; likewise below.
    dog_id: Option<Option<DogId>>,
    name: Option<&'a str>,
    name_key: Option<String>,
    completed: Option<bool>,
    completed_at: Option<Option<Timestamp>>,
    due_on: Option<Option<NaiveDate>>,
    updated_at: Timestamp,
}

/// The keys that tasks can be sorted by: `id`, `name`, `due_on` and `created_at`.
pub const SORTS: &[Sort<TaskRow>] = &[
    Sort::id(tasks::id, |row| row.id.get()),
    Sort::name(tasks::name_key, |row| &row.name),
    Sort::day(tasks::due_on, |row: &TaskRow| row.due_on).tie_breaker("name"),
    Sort::moment(tasks::created_at, |row| row.created_at),
];

/// The tasks of one user, and the only way to queries about them: `Tasks::of(user)`. A task of another user is never
/// found.
pub struct Tasks(UserId);

/// The query for one task of one user; every query about a single row begins here.
#[auto_type]
fn one(user: UserId, id: TaskId) -> _ {
    tasks::table.filter(tasks::user_id.eq(user)).filter(tasks::id.eq(id))
}

/// The tasks of one user that are filtered and wanted.
#[auto_type]
fn some(user: UserId, filter: &TaskFilter) -> _ {
    let completed: When<Eq<tasks::completed, bool>> = when(filter.completed, |is| tasks::completed.eq(is));
    let of_dog: When<Eq<tasks::dog_id, DogId>> = when(filter.dog_id, |dog| tasks::dog_id.eq(dog));
    let due_on: DayOrLast = DayOrLast::of(tasks::due_on);
    let due: Between = Between { day: due_on, after: filter.due_after, before: filter.due_before };
    let wanted: Narrowed = filter.wanted.of(&CommonColumns::TASKS);
    let mine: Eq<tasks::user_id, UserId> = tasks::user_id.eq(user);
    tasks::table.filter(mine).filter(completed).filter(of_dog).filter(due).filter(wanted)
}

impl Tasks {
    /// The tasks of this user; no query runs yet.
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// A page of the user's tasks that `query` filters and sorts.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn list(&self, conn: &mut Conn, query: &ListQuery<TaskFilter>) -> Result<Page<TaskRow>, Problem> {
        query.page(conn, || some(self.0, &query.filter))
    }

    /// The task with this id.
    ///
    /// # Errors
    /// `not-found`, when the user has no such task; the database's errors ([`Conn`]).
    pub fn show(&self, conn: &mut Conn, id: TaskId) -> Result<TaskRow, Problem> {
        let found = conn.find(one(self.0, id).select(columns::<TaskRow>()))?;
        Ok(found.ok_or(Kind::NotFound)?)
    }

    /// The number of the user's tasks, counted no further than `most`: with it
    /// [`BookLimits`](crate::book_limits::BookLimits) holds users to `MOST_TASKS`.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn count_up_to(&self, conn: &mut Conn, most: i64) -> Result<i64, Problem> {
        Ok(conn.one(diesel::select(CountUpTo::new(tasks::user_id, self.0, most)))?)
    }

    /// Creates a task, in one statement.
    ///
    /// # Errors
    /// `validation-failed` at `/dog_id`, when the user has no such dog; `revoked-token`, when the user was deleted a
    /// moment ago; the database's errors ([`Conn`]).
    pub fn create(&self, entry: BookEntry<'_>, new: &TaskIn) -> Result<TaskRow, Problem> {
        let now = Timestamp::now();
        let row = NewTask {
            user_id: self.0,
            dog_id: new.dog_id,
            name: &new.name,
            name_key: search_key(&new.name),
            completed: new.completed,
            completed_at: new.completed.then_some(now),
            due_on: new.due_on,
            created_at: now,
            updated_at: now,
        };
        let insert = diesel::insert_into(tasks::table).values(row).returning(columns::<TaskRow>());
        entry.insert(insert, |broken| broken_by(broken, new.dog_id.is_some()))
    }

    /// Creates the tasks of an imported document, with their times. `dog` is the dog here for one in the document.
    ///
    /// # Errors
    /// The errors of `dog`; `revoked-token`, when the user was deleted a moment ago; the database's errors ([`Conn`]).
    pub fn import(
        &self,
        conn: &mut Conn,
        book: &mut Book,
        tasks: &[Imported<ImportedTask>],
        dog: impl Fn(DogId) -> Result<DogId, Problem>,
    ) -> Result<(), Problem> {
        let ids: Vec<TaskId> = take_ids(conn, "tasks", tasks.len())?;
        let mut rows = Vec::new();
        for (id, imported) in ids.iter().zip(tasks) {
            let dog_id = imported.new.task.dog_id.map(&dog).transpose()?;
            rows.push(self.record(id.get(), 1, imported, dog_id));
        }
        records::tasks::insert(conn, rows).on_constraint(|broken| broken_by(broken, false))?;
        for id in &ids {
            book.created_as::<TaskRow>(id.get(), 1);
        }
        Ok(())
    }

    /// Puts deleted tasks back, under their ids.
    ///
    /// # Errors
    /// `validation-failed` at `/dog_id`, when the dog of one is gone; the database's errors ([`Conn`]).
    pub fn restore(
        &self,
        conn: &mut Conn,
        book: &mut Book,
        tasks: &[RestoredRow<ImportedTask>],
    ) -> Result<(), Problem> {
        let rows =
            tasks.iter().map(|RestoredRow { id, version, row }| self.record(*id, *version, row, row.new.task.dog_id));
        records::tasks::insert(conn, rows.collect()).on_constraint(|broken| broken_by(broken, true))?;
        for task in tasks {
            book.created_as::<TaskRow>(task.id, task.version);
        }
        Ok(())
    }

    fn record(
        &self,
        id: i64,
        version: i64,
        imported: &Imported<ImportedTask>,
        dog_id: Option<DogId>,
    ) -> records::tasks::Row {
        let Imported { new: ImportedTask { task, completed_at }, times, .. } = imported;
        records::tasks::Row {
            id,
            user_id: self.0.get(),
            dog_id: dog_id.map(DogId::get),
            name: task.name.clone(),
            name_key: search_key(&task.name),
            completed: task.completed,
            completed_at: *completed_at,
            due_on: task.due_on,
            created_at: times.created_at,
            updated_at: times.updated_at,
            version,
        }
    }

    /// Deletes tasks, of which the caller knows that they are there.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn delete_all(&self, conn: &mut Conn, book: &mut Book, ids: &[TaskId]) -> Result<(), Problem> {
        self.those(conn, ids)?.iter().try_for_each(|task| book.deleted(task))?;
        let _rows = self.delete_those(conn, ids.to_vec())?;
        Ok(())
    }

    /// The tasks with these ids, as far as the user has them, in any order.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn those(&self, conn: &mut Conn, ids: &[TaskId]) -> Result<Vec<TaskRow>, Problem> {
        let mine = tasks::table.filter(tasks::user_id.eq(self.0)).filter(AnyOf::new(tasks::id, ids.iter().copied()));
        Ok(conn.load(mine.select(columns::<TaskRow>()))?)
    }

    /// Whether one of these dogs has a task.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn are_there_of(&self, conn: &mut Conn, dogs: &[DogId]) -> Result<bool, Problem> {
        let mine = tasks::table.filter(tasks::user_id.eq(self.0));
        let theirs = mine.filter(AnyOf::new(tasks::dog_id, dogs.iter().copied())).select(tasks::id).limit(1);
        Ok(conn.find::<TaskId, _>(theirs)?.is_some())
    }

    /// Changes the fields that `patch` names, and raises the version, which the `ETag` shows; nothing, if it names
    /// none. Returns the row as it is then. The time when a task was completed is kept until it is open again.
    ///
    /// # Errors
    /// `not-found`, when the user has no such task; `precondition-failed`, when the row is not as `only_if` demands;
    /// `validation-failed` at `/dog_id`, when the user has no such dog; the database's errors ([`Conn`]).
    pub fn update(
        &self,
        conn: &mut Conn,
        book: &mut Book,
        id: TaskId,
        only_if: &Preconditions,
        patch: &TaskPatch,
    ) -> Result<TaskRow, Problem> {
        let before = self.show(conn, id)?;
        only_if.check(Some(before.version))?;
        if *patch == TaskPatch::default() {
            return Ok(before);
        }
        let completed_at =
            patch.completed.map(|completed| completed.then(|| before.completed_at.unwrap_or_else(Timestamp::now)));
        self.change(conn, book, &before, patch, completed_at)
    }

    /// Takes a change of a task back: sets the fields that `earlier` names as they were, and so the time of completion.
    ///
    /// # Errors
    /// `not-found`, when the user has no such task; `validation-failed` at `/dog_id`, when the dog is gone; the
    /// database's errors ([`Conn`]).
    pub fn revert(&self, conn: &mut Conn, book: &mut Book, id: TaskId, earlier: &EarlierTask) -> Result<(), Problem> {
        let before = self.show(conn, id)?;
        let EarlierTask { patch, completed_at } = earlier;
        if *patch == TaskPatch::default() && completed_at.is_keep() {
            return Ok(());
        }
        let _after = self.change(conn, book, &before, patch, completed_at.clone().into_change())?;
        Ok(())
    }

    /// Changes a task; `completed_at` is the new time of completion, `None` to keep it.
    fn change(
        &self,
        conn: &mut Conn,
        book: &mut Book,
        before: &TaskRow,
        patch: &TaskPatch,
        completed_at: Option<Option<Timestamp>>,
    ) -> Result<TaskRow, Problem> {
        let TaskPatch { dog_id, name, completed, due_on } = patch;
        let changes = TaskChanges {
            dog_id: dog_id.clone().into_change(),
            name: name.as_deref(),
            name_key: name.as_deref().map(search_key),
            completed: *completed,
            completed_at,
            due_on: due_on.clone().into_change(),
            updated_at: Timestamp::now(),
        };
        let update = diesel::update(one(self.0, before.id)).set((changes, tasks::version.eq(tasks::version + 1)));
        let after = conn.one(update.returning(columns::<TaskRow>())).on_constraint(|broken| broken_by(broken, true))?;
        book.updated(before, &after)?;
        Ok(after)
    }

    /// Deletes the task with this id.
    ///
    /// # Errors
    /// `not-found`, when the user has no such task; `precondition-failed`, when the row is not as `only_if` demands;
    /// the database's errors ([`Conn`]).
    pub fn delete(&self, conn: &mut Conn, book: &mut Book, id: TaskId, only_if: &Preconditions) -> Result<(), Problem> {
        let before = self.show(conn, id)?;
        only_if.check(Some(before.version))?;
        let _one = conn.execute(diesel::delete(one(self.0, id)))?;
        book.deleted(&before)
    }

    /// Deletes tasks of these dogs, at most `most`. Tells how many; call it again until these are fewer than `most`,
    /// and none is left.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn delete_some_of(
        &self,
        conn: &mut Conn,
        book: &mut Book,
        dogs: &[DogId],
        most: usize,
    ) -> Result<usize, Problem> {
        let theirs =
            tasks::table.filter(tasks::user_id.eq(self.0)).filter(AnyOf::new(tasks::dog_id, dogs.iter().copied()));
        let found: Vec<TaskRow> = conn.load(theirs.limit(rows(most)).select(columns::<TaskRow>()))?;
        found.iter().try_for_each(|task| book.deleted(task))?;
        self.delete_those(conn, found.iter().map(|task| task.id).collect())
    }

    /// Deletes tasks of a deleted account, at most `most`. Tells how many; call it again until these are fewer than
    /// `most`, and none is left.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn delete_some(&self, conn: &mut Conn, most: usize) -> Result<usize, Problem> {
        let mine = tasks::table.filter(tasks::user_id.eq(self.0)).order(tasks::id).limit(rows(most));
        let ids = conn.load(mine.select(tasks::id))?;
        self.delete_those(conn, ids)
    }

    fn delete_those(&self, conn: &mut Conn, ids: Vec<TaskId>) -> Result<usize, Problem> {
        let mine = tasks::table.filter(tasks::user_id.eq(self.0)).filter(AnyOf::new(tasks::id, ids));
        Ok(conn.execute(diesel::delete(mine))?)
    }
}

/// The foreign key holds the dog and the user together, so another user's dog is simply not there. Without a
/// dog it is the user that is gone.
fn broken_by(broken: &Broken, names_a_dog: bool) -> Option<Problem> {
    (*broken == Broken::ForeignKey).then(|| {
        if names_a_dog { Problem::field("/dog_id", "not_found", NO_SUCH_DOG) } else { Problem::new(Kind::RevokedToken) }
    })
}

//! Queries about tasks. They all begin at [`Tasks::of`], so that none can leave one user's rows: a task that is not
//! there and another user's are the same `not-found`.

use chrono::NaiveDate;
use diesel::{
    dsl::{Eq, auto_type, case_when},
    prelude::*,
    sqlite::Sqlite,
};

use super::wire::{ImportedTask, TaskFilter, TaskIn, TaskPatch};
use crate::{
    db::{
        Atomic, Broken, Conn, OnConstraint,
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
    wire::{Imported, Preconditions, no_row},
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

    /// The number of the user's tasks, counted no further than `most`: with it [`Book`](crate::book::Book) holds users
    /// to `MOST_TASKS`.
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
    pub fn create(&self, atomic: Atomic<'_>, new: &TaskIn) -> Result<TaskRow, Problem> {
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
        atomic.statement(insert).on_constraint(|broken| broken_by(broken, new.dog_id.is_some()))
    }

    /// Creates the tasks of an imported document, with their times. `dog` is the dog here for one in the document.
    ///
    /// # Errors
    /// The errors of `dog`; `revoked-token`, when the user was deleted a moment ago; the database's errors ([`Conn`]).
    pub fn import(
        &self,
        conn: &mut Conn,
        tasks: &[Imported<ImportedTask>],
        dog: impl Fn(DogId) -> Result<DogId, Problem>,
    ) -> Result<(), Problem> {
        let ids: Vec<TaskId> = take_ids(conn, "tasks", tasks.len())?;
        let mut rows = Vec::new();
        for (id, Imported { new: ImportedTask { task, completed_at }, times, .. }) in ids.iter().zip(tasks) {
            rows.push(records::tasks::Row {
                id: id.get(),
                user_id: self.0.get(),
                dog_id: task.dog_id.map(|id| dog(id).map(DogId::get)).transpose()?,
                name: task.name.clone(),
                name_key: search_key(&task.name),
                completed: task.completed,
                completed_at: *completed_at,
                due_on: task.due_on,
                created_at: times.created_at,
                updated_at: times.updated_at,
                version: 1,
            });
        }
        records::tasks::insert(conn, rows).on_constraint(|broken| broken_by(broken, false))
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
        id: TaskId,
        only_if: &Preconditions,
        patch: &TaskPatch,
    ) -> Result<TaskRow, Problem> {
        let version = only_if.version(|| Ok(self.show(conn, id)?.version))?;
        if *patch == TaskPatch::default() {
            return self.show(conn, id);
        }
        let now = Timestamp::now();
        let TaskPatch { dog_id, name, completed, due_on } = patch;
        let changes = TaskChanges {
            dog_id: dog_id.clone().into_change(),
            name: name.as_deref(),
            name_key: name.as_deref().map(search_key),
            completed: *completed,
            due_on: due_on.clone().into_change(),
            updated_at: now,
        };
        // What the columns were before: the time, if it stays completed.
        let completed_at = completed.map(|completed| {
            let since = case_when(tasks::completed.eq(completed), tasks::completed_at);
            tasks::completed_at.eq(since.otherwise(completed.then_some(now)))
        });
        let mine = one(self.0, id).filter(when(version, |version| tasks::version.eq(version)));
        let update = diesel::update(mine)
            .set((changes, completed_at, tasks::version.eq(tasks::version + 1)))
            .returning(columns::<TaskRow>());
        let changed = conn.find(update).on_constraint(|broken| broken_by(broken, true))?;
        Ok(changed.ok_or(no_row(version, Kind::NotFound))?)
    }

    /// Deletes the task with this id.
    ///
    /// # Errors
    /// `not-found`, when the user has no such task; `precondition-failed`, when the row is not as `only_if` demands;
    /// the database's errors ([`Conn`]).
    pub fn delete(&self, conn: &mut Conn, id: TaskId, only_if: &Preconditions) -> Result<(), Problem> {
        let version = only_if.version(|| Ok(self.show(conn, id)?.version))?;
        let mine = one(self.0, id).filter(when(version, |version| tasks::version.eq(version)));
        match conn.execute(diesel::delete(mine))? {
            0 => Err(no_row(version, Kind::NotFound).into()),
            _ => Ok(()),
        }
    }

    /// Deletes tasks of these dogs, at most `most`. Tells how many; call it again until these are fewer than `most`,
    /// and none is left.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn delete_some_of(&self, conn: &mut Conn, dogs: &[DogId], most: usize) -> Result<usize, Problem> {
        let theirs =
            tasks::table.filter(tasks::user_id.eq(self.0)).filter(AnyOf::new(tasks::dog_id, dogs.iter().copied()));
        let ids = conn.load(theirs.limit(rows(most)).select(tasks::id))?;
        self.delete_those(conn, ids)
    }

    /// Deletes tasks of any dog or none, at most `most`. Tells how many; call it again until these are fewer than
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

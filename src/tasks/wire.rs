//! The JSON bodies and the queries of the routes about tasks.

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;

use super::repo::{SORTS, TaskRow};
use crate::{
    db::timestamp::Timestamp,
    dogs::{Dogs, NO_SUCH_DOG},
    ids::{DogId, TaskId, UserId},
    lists::{List, Sort},
    problem::Invalid,
    wire::{Fields, FromBody, FromQuery, Patch, Query, Reference, Wanted, boolean, date, day, past, text::Rule},
};

const READ_ONLY: &[&str] = &["id", "user_id", "completed_at", "created_at", "updated_at"];

const REFERENCES: &[Reference] =
    &[Reference { field: "dog_id", find: |conn, me, ids| Dogs::of(me).existing_ids(conn, ids), absent: NO_SUCH_DOG }];

fn name(value: &Value) -> Result<String, Invalid> {
    Rule { least: 1, most: 120 }.read(value)
}

/// The body of `POST` and `PUT` on tasks: all fields that a client sets.
pub struct TaskIn {
    /// The dog that the task is about; `None` if it is about none.
    pub dog_id: Option<DogId>,
    /// The text of the task, 1 to 120 characters.
    pub name: String,
    /// Whether the task is done.
    pub completed: bool,
    /// The day by which the task is to be done; `None` for no day.
    pub due_on: Option<NaiveDate>,
}

impl FromBody for TaskIn {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;
    const REFERENCES: &'static [Reference] = REFERENCES;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name", name);
        let completed = fields.usual("completed", false, boolean);
        let dog_id = fields.optional("dog_id", DogId::from_json);
        let due_on = fields.optional("due_on", date);
        Some(Self { dog_id: dog_id?, name: name?, completed: completed?, due_on: due_on? })
    }
}

/// A task of an imported document.
pub struct ImportedTask {
    /// The fields that `POST` takes; the dog is one of the document.
    pub task: TaskIn,
    /// The time when the task was completed; `None`, while it is open.
    pub completed_at: Option<Timestamp>,
}

impl FromBody for ImportedTask {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let completed_at = fields.optional("completed_at", past);
        let (task, completed_at) = (TaskIn::from_body(fields)?, completed_at?);
        if completed_at.is_some() && !task.completed {
            let fault = Invalid::new("out_of_range", "An open task has no time of completion: null, or leave it out.");
            fields.refuse("/completed_at", fault);
            return None;
        }
        let completed_at = task.completed.then(|| completed_at.unwrap_or_else(Timestamp::now));
        Some(Self { task, completed_at })
    }
}

/// The body of `PATCH` on a task: a field that is `None`, or [`Patch::Keep`], stays as it is.
#[derive(Default, PartialEq)]
pub struct TaskPatch {
    /// The new dog; [`Patch::Clear`] makes the task one about no dog.
    pub dog_id: Patch<DogId>,
    /// The new text, 1 to 120 characters.
    pub name: Option<String>,
    /// Whether the task is done from now on.
    pub completed: Option<bool>,
    /// The new day; [`Patch::Clear`] removes it.
    pub due_on: Patch<NaiveDate>,
}

impl FromBody for TaskPatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;
    const REFERENCES: &'static [Reference] = REFERENCES;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let name = fields.change("name", name);
        let completed = fields.change("completed", boolean);
        let dog_id = fields.patch("dog_id", DogId::from_json);
        let due_on = fields.patch("due_on", date);
        Some(Self { dog_id: dog_id?, name: name?, completed: completed?, due_on: due_on? })
    }
}

/// The fields of a task before a change, as the log has them.
pub struct EarlierTask {
    /// The fields that `PATCH` takes.
    pub patch: TaskPatch,
    /// The time when the task was completed; [`Patch::Clear`], if it was open.
    pub completed_at: Patch<Timestamp>,
}

impl FromBody for EarlierTask {
    fn from_body(fields: &mut Fields) -> Option<Self> {
        let completed_at = fields.patch("completed_at", past);
        Some(Self { patch: TaskPatch::from_body(fields)?, completed_at: completed_at? })
    }
}

/// A replacement as a change of every field.
impl From<TaskIn> for TaskPatch {
    fn from(new: TaskIn) -> Self {
        Self {
            dog_id: new.dog_id.map_or(Patch::Clear, Patch::Set),
            name: Some(new.name),
            completed: Some(new.completed),
            due_on: new.due_on.map_or(Patch::Clear, Patch::Set),
        }
    }
}

/// The filters that the query of `GET /dogowner/tasks` can have.
#[derive(Default)]
pub struct TaskFilter {
    /// Whether the tasks that are done are wanted, or those that are open; `None` for both.
    pub completed: Option<bool>,
    /// The dog whose tasks are wanted; `None` for those of any or none.
    pub dog_id: Option<DogId>,
    /// The day after which the wanted tasks are due, exclusive; `None` for no bound.
    pub due_after: Option<NaiveDate>,
    /// The day before which the wanted tasks are due, exclusive; `None` for no bound.
    pub due_before: Option<NaiveDate>,
    /// The filters by id, times and name, as [`Wanted::named`] reads them.
    pub wanted: Wanted,
}

impl FromQuery for TaskFilter {
    fn from_query(query: &mut Query<'_>) -> Self {
        Self {
            completed: query.flag("completed"),
            dog_id: query.id("dog_id"),
            due_after: query.day("due_after"),
            due_before: query.day("due_before"),
            wanted: Wanted::named(query),
        }
    }
}

impl List for TaskFilter {
    type Row = TaskRow;
    const SORTS: &'static [Sort<TaskRow>] = SORTS;
}

/// A task in responses to its user: its id and user, the fields of [`TaskIn`], and the times of completion, creation
/// and change.
#[derive(Serialize)]
pub struct TaskOut {
    id: TaskId,
    user_id: UserId,
    dog_id: Option<DogId>,
    name: String,
    completed: bool,
    completed_at: Option<Timestamp>,
    #[serde(serialize_with = "day")]
    due_on: Option<NaiveDate>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<TaskRow> for TaskOut {
    fn from(row: TaskRow) -> Self {
        let TaskRow { id, user_id, dog_id, name, completed, completed_at, due_on, created_at, updated_at, version: _ } =
            row;
        Self { id, user_id, dog_id, name, completed, completed_at, due_on, created_at, updated_at }
    }
}

//! The bodies and queries of tasks.

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
    wire::{Fields, FromBody, FromQuery, Patch, Query, Reference, Wanted, boolean, date, day, text::Rule},
};

const READ_ONLY: &[&str] = &["id", "user_id", "completed_at", "created_at", "updated_at"];

const REFERENCES: &[Reference] =
    &[Reference { field: "dog_id", find: |conn, me, ids| Dogs::of(me).existing_ids(conn, ids), absent: NO_SUCH_DOG }];

fn name(value: &Value) -> Result<String, Invalid> {
    Rule { least: 1, most: 120 }.read(value)
}

/// A new task, or the replacement of one.
pub struct TaskIn {
    pub dog_id: Option<DogId>,
    pub name: String,
    pub completed: bool,
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

/// A change of a task, as a PATCH asks for it: a field that is `None`, or [`Patch::Keep`], stays as it is.
#[derive(Default, PartialEq)]
pub struct TaskPatch {
    pub dog_id: Patch<DogId>,
    pub name: Option<String>,
    pub completed: Option<bool>,
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

/// The filter of a list of tasks.
#[derive(Default)]
pub struct TaskFilter {
    pub completed: Option<bool>,
    pub dog_id: Option<DogId>,
    pub due_after: Option<NaiveDate>,
    pub due_before: Option<NaiveDate>,
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

/// A task, for the user whose book it is in.
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

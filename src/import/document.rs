//! The document of an import, as `GET /me/export` writes it: its rows, whose ids only say which belong together.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::{
    dogs::DogIn,
    export::FORM,
    ids::Id,
    owners::OwnerIn,
    problem::{Invalid, Problem},
    profiles::ImportedProfile,
    tasks::ImportedTask,
    wire::{Fields, FromBody, Imported},
};

/// The most rows of a document: owners, dogs, their co-owners and tasks together.
const MOST_ROWS: usize = 10_000;

/// A document of an import, found acceptable: each row by itself, and the ids by which they name each other.
pub struct Document {
    /// The profile, if there is one.
    pub profile: Option<ImportedProfile>,
    /// The owners.
    pub owners: Vec<Imported<OwnerIn>>,
    /// The dogs, whose owners are among those of the document.
    pub dogs: Vec<Imported<DogIn>>,
    /// The tasks, whose dogs are among those of the document.
    pub tasks: Vec<Imported<ImportedTask>>,
}

impl FromBody for Document {
    const READ_ONLY: &'static [&'static str] = &["exported_at", "user", "new_email", "changes", "sessions", "api_keys"];

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let form = fields.required("kennel", form);
        let profile = fields.object("profile");
        let owners = fields.objects("owners", MOST_ROWS);
        let dogs = fields.objects("dogs", MOST_ROWS);
        let tasks = fields.objects("tasks", MOST_ROWS);
        let ((), profile, owners, dogs, tasks) = (form?, profile?, owners?, dogs?, tasks?);
        let document = Self { profile, owners, dogs, tasks };
        document.check_length(fields);
        document.check_references(fields);
        Some(document)
    }
}

fn form(value: &Value) -> Result<(), Invalid> {
    // JSON does not tell 1 from 1.0.
    let number = value.as_f64().ok_or(Invalid::new("type", "This is a number: 1."))?;
    if (number - f64::from(FORM)).abs() < f64::EPSILON {
        return Ok(());
    }
    Err(Invalid::new(
        "unknown_value",
        "This server knows documents of the form 1 only. Was it exported by a newer one?",
    ))
}

impl Document {
    fn check_length(&self, fields: &mut Fields) {
        let co_owners: usize = self.dogs.iter().map(|dog| dog.new.co_owner_ids.len()).sum();
        if self.owners.len() + self.dogs.len() + co_owners + self.tasks.len() > MOST_ROWS {
            let detail =
                format!("A document has {MOST_ROWS} rows at most: owners, dogs, their co-owners and tasks together.");
            fields.refuse("", Invalid::new("too_long", detail));
        }
    }

    /// Keeps an error for each id that stands for two rows, or for none.
    fn check_references(&self, fields: &mut Fields) {
        let owners = ids("owners", &self.owners, fields);
        let dogs = ids("dogs", &self.dogs, fields);
        let _nothing_names_them = ids("tasks", &self.tasks, fields);
        for (index, Imported { new, .. }) in self.dogs.iter().enumerate() {
            if !owners.contains(&new.owner_id.get()) {
                fields.refuse(&format!("/dogs/{index}/owner_id"), no_such("owner"));
            }
            for (place, id) in new.co_owner_ids.iter().enumerate() {
                let fault = if *id == new.owner_id {
                    Some(Invalid::new("already_primary", "This is the dog's primary owner."))
                } else {
                    (!owners.contains(&id.get())).then(|| no_such("owner"))
                };
                if let Some(fault) = fault {
                    fields.refuse(&format!("/dogs/{index}/co_owner_ids/{place}"), fault);
                }
            }
        }
        for (index, Imported { new, .. }) in self.tasks.iter().enumerate() {
            if new.task.dog_id.is_some_and(|dog| !dogs.contains(&dog.get())) {
                fields.refuse(&format!("/tasks/{index}/dog_id"), no_such("dog"));
            }
        }
    }
}

/// The ids of the rows in one list; one that stands there again is an error.
fn ids<T>(list: &str, rows: &[Imported<T>], fields: &mut Fields) -> HashSet<i64> {
    let mut ids = HashSet::new();
    for (index, row) in rows.iter().enumerate() {
        if row.id.is_some_and(|id| !ids.insert(id)) {
            fields.refuse(&format!("/{list}/{index}/id"), Invalid::new("repeated", "Another of the list has this id."));
        }
    }
    ids
}

fn no_such(row: &str) -> Invalid {
    Invalid::new("not_found", format!("The document has no {row} with this id."))
}

/// The ids that the rows of one list have got, by those in the document.
pub struct NewIds<T>(HashMap<i64, Id<T>>);

impl<T: Copy> NewIds<T> {
    /// The ids `new` of these rows, in the same order.
    pub fn of<R>(rows: &[Imported<R>], new: Vec<Id<T>>) -> Self {
        Self(rows.iter().zip(new).filter_map(|(row, new)| Some((row.id?, new))).collect())
    }

    /// The new id of the row that the document calls `id`.
    ///
    /// # Errors
    /// `internal-error`, when there is none: the document was checked.
    pub fn find(&self, id: Id<T>) -> Result<Id<T>, Problem> {
        let found = self.0.get(&id.get()).copied();
        found.ok_or_else(|| Problem::internal("an imported row names one that the document has not"))
    }
}

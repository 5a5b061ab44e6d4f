//! Dogs as they arrive and as they leave.

use chrono::NaiveDate;
use serde::{Serialize, Serializer};

use super::repo::DogRow;
use crate::{
    db::timestamp::Timestamp,
    owners::OwnerId,
    wire::{Fields, FromBody, Patch, date, text::name},
};

const READ_ONLY: &[&str] = &["id", "user_id", "created_at", "updated_at"];

/// A new dog.
pub struct DogIn {
    pub owner_id: OwnerId,
    pub name: String,
    pub born_on: Option<NaiveDate>,
}

impl FromBody for DogIn {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name", name);
        let owner_id = fields.required("owner_id", OwnerId::from_json);
        let born_on = fields.optional("born_on", date);
        Some(Self { owner_id: owner_id?, name: name?, born_on: born_on? })
    }
}

/// What changes about a dog.
pub struct DogPatch {
    pub owner_id: Option<OwnerId>,
    pub name: Option<String>,
    pub born_on: Patch<NaiveDate>,
}

impl DogPatch {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.owner_id.is_none() && self.name.is_none() && self.born_on == Patch::Keep
    }
}

impl FromBody for DogPatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let name = fields.change("name", name);
        let owner_id = fields.change("owner_id", OwnerId::from_json);
        let born_on = fields.patch("born_on", date);
        Some(Self { owner_id: owner_id?, name: name?, born_on: born_on? })
    }
}

/// A dog, for the user whose book it is in.
#[derive(Serialize)]
pub struct DogOut {
    id: i64,
    user_id: i64,
    owner_id: i64,
    name: String,
    #[serde(serialize_with = "day")]
    born_on: Option<NaiveDate>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<DogRow> for DogOut {
    fn from(row: DogRow) -> Self {
        let DogRow { id, user_id, owner_id, name, born_on, created_at, updated_at } = row;
        Self { id, user_id, owner_id, name, born_on, created_at, updated_at }
    }
}

/// A day as RFC 3339 writes it, or null.
#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
fn day<S: Serializer>(day: &Option<NaiveDate>, serializer: S) -> Result<S::Ok, S::Error> {
    match day {
        Some(day) => serializer.collect_str(&day.format("%Y-%m-%d")),
        None => serializer.serialize_none(),
    }
}

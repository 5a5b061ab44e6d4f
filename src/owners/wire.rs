//! The JSON bodies and the queries of the routes about owners.

use serde::Serialize;

use super::repo::{OwnerRow, SORTS};
use crate::{
    db::timestamp::Timestamp,
    ids::{OwnerId, UserId},
    lists::{List, Sort},
    wire::{Fields, FromBody, FromQuery, Query, Wanted, text::name},
};

const READ_ONLY: &[&str] = &["id", "user_id", "created_at", "updated_at"];

/// The body of `POST` and `PUT` on owners: all fields that a client sets.
pub struct OwnerIn {
    /// The name, 1 to 255 characters.
    pub name: String,
}

impl FromBody for OwnerIn {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name", name);
        Some(Self { name: name? })
    }
}

/// The body of `PATCH` on an owner: a field that is `None` stays as it is.
#[derive(Default, PartialEq)]
pub struct OwnerPatch {
    /// The new name, 1 to 255 characters.
    pub name: Option<String>,
}

impl FromBody for OwnerPatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let name = fields.change("name", name);
        Some(Self { name: name? })
    }
}

/// A replacement as a change of every field.
impl From<OwnerIn> for OwnerPatch {
    fn from(new: OwnerIn) -> Self {
        Self { name: Some(new.name) }
    }
}

/// The filters that the query of `GET /dogowner/owners` can have.
#[derive(Default)]
pub struct OwnerFilter {
    /// The filters by id, times and name, as [`Wanted::named`] reads them.
    pub wanted: Wanted,
}

impl FromQuery for OwnerFilter {
    fn from_query(query: &mut Query<'_>) -> Self {
        Self { wanted: Wanted::named(query) }
    }
}

impl List for OwnerFilter {
    type Row = OwnerRow;
    const SORTS: &'static [Sort<OwnerRow>] = SORTS;
}

/// The weight that a deletion has more if the dogs and their tasks go, too.
const WITH_DOGS: u32 = 19;

/// The query of `DELETE /dogowner/owners/{owner_id}`.
pub struct Deletion {
    /// Whether the owner's dogs and their tasks are deleted, too (`force=true`), which takes 20 units of the caller's
    /// quota and not one.
    pub with_dogs: bool,
}

impl FromQuery for Deletion {
    fn from_query(query: &mut Query<'_>) -> Self {
        let with_dogs = query.flag("force").unwrap_or(false);
        query.add_weight(if with_dogs { WITH_DOGS } else { 0 });
        Self { with_dogs }
    }
}

/// An owner in responses to its user: id, user, name, and the times of creation and change.
#[derive(Serialize)]
pub struct OwnerOut {
    id: OwnerId,
    user_id: UserId,
    name: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<OwnerRow> for OwnerOut {
    fn from(row: OwnerRow) -> Self {
        let OwnerRow { id, user_id, name, created_at, updated_at, version: _ } = row;
        Self { id, user_id, name, created_at, updated_at }
    }
}

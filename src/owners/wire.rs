//! Owners as they arrive and as they leave.

use serde::Serialize;

use super::repo::{OwnerRow, SORTS};
use crate::{
    body::Body,
    book::Shelf,
    db::timestamp::Timestamp,
    idempotency::New,
    ids::{OwnerId, UserId},
    lists::{List, Sort},
    wire::{Changes, Fields, FromBody, FromQuery, Query, Wanted, WithEtag, text::name},
};

const READ_ONLY: &[&str] = &["id", "user_id", "created_at", "updated_at"];

/// A new owner, or what replaces one.
pub struct OwnerIn {
    pub name: String,
}

impl New for OwnerIn {
    const SHELF: Shelf = Shelf::Owners;
}

impl Body for OwnerIn {}

impl FromBody for OwnerIn {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name", name);
        Some(Self { name: name? })
    }
}

/// What changes about an owner.
#[derive(Default, PartialEq)]
pub struct OwnerPatch {
    pub name: Option<String>,
}

impl Changes for OwnerPatch {}

impl Body for OwnerPatch {}

impl FromBody for OwnerPatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let name = fields.change("name", name);
        Some(Self { name: name? })
    }
}

/// To replace is to change every field.
impl From<OwnerIn> for OwnerPatch {
    fn from(new: OwnerIn) -> Self {
        Self { name: Some(new.name) }
    }
}

/// Which owners are listed.
#[derive(Default)]
pub struct OwnerFilter {
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

/// What it adds to the weight of a deletion that dogs and their tasks go, too.
const WITH_DOGS: u32 = 19;

/// How an owner is deleted.
pub struct Deletion {
    pub with_dogs: bool,
}

impl FromQuery for Deletion {
    fn from_query(query: &mut Query<'_>) -> Self {
        let with_dogs = query.flag("force").unwrap_or(false);
        query.add_weight(if with_dogs { WITH_DOGS } else { 0 });
        Self { with_dogs }
    }
}

/// An owner, for the user whose book it is in.
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

impl From<OwnerRow> for WithEtag<OwnerOut> {
    fn from(row: OwnerRow) -> Self {
        Self { version: row.version, body: row.into() }
    }
}

//! The JSON bodies and the queries of the routes about dogs.

use chrono::NaiveDate;
use serde::Serialize;

use super::{
    expand::ExpandedDog,
    repo::{DogRow, SORTS},
};
use crate::{
    co_owners::MOST_CO_OWNERS,
    db::timestamp::Timestamp,
    ids::{DogId, OwnerId, UserId},
    lists::{List, MOST_ROWS, Sort},
    owners::{NO_SUCH_OWNER, OwnerOut, Owners},
    wire::{Fields, FromBody, FromQuery, MANY_ROWS, Patch, Query, Reference, Wanted, date, day, text::name},
};

/// The most dogs of a page that are expanded.
const MOST_EXPANDED: usize = 50;

const READ_ONLY: &[&str] = &["id", "user_id", "created_at", "updated_at", "owner", "co_owners"];

const REFERENCES: &[Reference] = &[owner("owner_id"), owner("co_owner_ids")];

const fn owner(field: &'static str) -> Reference {
    Reference { field, find: |conn, me, ids| Owners::of(me).existing_ids(conn, ids), absent: NO_SUCH_OWNER }
}

/// The body of `POST` and `PUT` on dogs: all fields that a client sets.
pub struct DogIn {
    /// The primary owner.
    pub owner_id: OwnerId,
    /// The name, 1 to 255 characters.
    pub name: String,
    /// The birthday; `None` if it is not known.
    pub born_on: Option<NaiveDate>,
    /// The owners beside the primary one, at most 20.
    pub co_owner_ids: Vec<OwnerId>,
}

impl FromBody for DogIn {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;
    const REFERENCES: &'static [Reference] = REFERENCES;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name", name);
        let owner_id = fields.required("owner_id", OwnerId::from_json);
        let born_on = fields.optional("born_on", date);
        let co_owner_ids = fields.ids("co_owner_ids", MOST_CO_OWNERS);
        let co_owner_ids = co_owner_ids?.into_change().flatten().unwrap_or_default();
        Some(Self { owner_id: owner_id?, name: name?, born_on: born_on?, co_owner_ids })
    }
}

/// The body of `PATCH` on a dog: a field that is `None`, or [`Patch::Keep`], stays as it is.
#[derive(Default, PartialEq)]
pub struct DogPatch {
    /// The new primary owner.
    pub owner_id: Option<OwnerId>,
    /// The new name, 1 to 255 characters.
    pub name: Option<String>,
    /// The new date of birth; [`Patch::Clear`] removes it.
    pub born_on: Patch<NaiveDate>,
    /// The co-owners who replace all present ones, at most 20; an empty list removes them.
    pub co_owner_ids: Option<Vec<OwnerId>>,
}

impl FromBody for DogPatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;
    const REFERENCES: &'static [Reference] = REFERENCES;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let name = fields.change("name", name);
        let owner_id = fields.change("owner_id", OwnerId::from_json);
        let born_on = fields.patch("born_on", date);
        let co_owner_ids = fields.ids("co_owner_ids", MOST_CO_OWNERS);
        let co_owner_ids = co_owner_ids?.into_change().map(Option::unwrap_or_default);
        Some(Self { owner_id: owner_id?, name: name?, born_on: born_on?, co_owner_ids })
    }
}

/// A replacement as a change of every field.
impl From<DogIn> for DogPatch {
    fn from(new: DogIn) -> Self {
        Self {
            owner_id: Some(new.owner_id),
            name: Some(new.name),
            born_on: new.born_on.map_or(Patch::Clear, Patch::Set),
            co_owner_ids: Some(new.co_owner_ids),
        }
    }
}

/// The value of the parameter `expand`: which of a dog's owners are shown with it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Expand {
    /// Whether the primary owner is shown.
    pub owner: bool,
    /// Whether all co-owners are shown.
    pub co_owners: bool,
}

impl Expand {
    /// Whether the dog is shown without any of its owners.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }

    /// The most dogs of a page: with 21 owners, of names that have 255 characters, one takes up to 25 KB.
    fn most(self) -> usize {
        if self.is_nothing() { MOST_ROWS } else { MOST_EXPANDED }
    }
}

impl FromQuery for Expand {
    fn from_query(query: &mut Query<'_>) -> Self {
        let parts = query.some_of("expand", &[("owner", "owner"), ("co_owners", "co_owners")]).unwrap_or_default();
        query.add_weight(if parts.is_empty() { 0 } else { MANY_ROWS });
        Self { owner: parts.contains(&"owner"), co_owners: parts.contains(&"co_owners") }
    }
}

/// The filters that the query of `GET /dogowner/dogs` can have.
#[derive(Default)]
pub struct DogFilter {
    /// The primary owner whose dogs are listed; `None` for those of any.
    pub owner_id: Option<OwnerId>,
    /// The filters by id, times and name, as [`Wanted::named`] reads them.
    pub wanted: Wanted,
    /// The owners that are shown with each dog.
    pub expand: Expand,
}

impl FromQuery for DogFilter {
    fn from_query(query: &mut Query<'_>) -> Self {
        Self { owner_id: query.id("owner_id"), wanted: Wanted::named(query), expand: Expand::from_query(query) }
    }
}

impl List for DogFilter {
    type Row = DogRow;
    const SORTS: &'static [Sort<DogRow>] = SORTS;

    fn most(&self) -> usize {
        self.expand.most()
    }

    fn needs_snapshot(&self) -> bool {
        !self.expand.is_nothing()
    }
}

/// The role that an owner has for a dog.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The primary owner, of whom each dog has exactly one.
    Primary,
    /// A co-owner, of whom a dog has up to 20.
    Co,
}

/// The filters that the query of `GET /dogowner/owners/{owner_id}/dogs` can have.
pub struct RoleFilter {
    /// The role in which the owner has a dog; `None` for both.
    pub role: Option<Role>,
    /// The filters by id and times, as [`Wanted::changed`] reads them.
    pub wanted: Wanted,
    /// The owners that are shown with each dog.
    pub expand: Expand,
}

impl FromQuery for RoleFilter {
    fn from_query(query: &mut Query<'_>) -> Self {
        let role = query.one_of("role", &[("primary", Role::Primary), ("co", Role::Co)]);
        Self { role, wanted: Wanted::changed(query), expand: Expand::from_query(query) }
    }
}

impl List for RoleFilter {
    type Row = DogRow;
    /// The id only.
    const SORTS: &'static [Sort<DogRow>] = SORTS.split_at(1).0;

    fn most(&self) -> usize {
        self.expand.most()
    }

    fn needs_snapshot(&self) -> bool {
        !self.expand.is_nothing()
    }
}

/// A dog in responses to its user: its id and user, the fields of [`DogIn`], the times of creation and change, and
/// those of its owners that the query's `expand` asked for.
#[derive(Serialize)]
pub struct DogOut {
    id: DogId,
    user_id: UserId,
    owner_id: OwnerId,
    co_owner_ids: Vec<OwnerId>,
    name: String,
    #[serde(serialize_with = "day")]
    born_on: Option<NaiveDate>,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<OwnerOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    co_owners: Option<Vec<OwnerOut>>,
}

impl From<DogRow> for DogOut {
    fn from(row: DogRow) -> Self {
        let DogRow { id, user_id, owner_id, co_owner_ids, name, born_on, created_at, updated_at, version: _ } = row;
        let co_owner_ids = co_owner_ids.0;
        Self {
            id,
            user_id,
            owner_id,
            co_owner_ids,
            name,
            born_on,
            created_at,
            updated_at,
            owner: None,
            co_owners: None,
        }
    }
}

impl From<ExpandedDog> for DogOut {
    fn from(dog: ExpandedDog) -> Self {
        let co_owners = dog.co_owners.map(|owners| owners.into_iter().map(OwnerOut::from).collect());
        Self { owner: dog.owner.map(OwnerOut::from), co_owners, ..dog.row.into() }
    }
}

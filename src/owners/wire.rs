//! Owners as they arrive and as they leave.

use serde::Serialize;

use super::repo::OwnerRow;
use crate::{
    db::timestamp::Timestamp,
    wire::{Fields, FromBody, text::name},
};

const READ_ONLY: &[&str] = &["id", "user_id", "created_at", "updated_at"];

/// A new owner.
pub struct OwnerIn {
    pub name: String,
}

impl FromBody for OwnerIn {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name", name);
        Some(Self { name: name? })
    }
}

/// What changes about an owner.
pub struct OwnerPatch {
    pub name: Option<String>,
}

impl OwnerPatch {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.name.is_none()
    }
}

impl FromBody for OwnerPatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let name = fields.change("name", name);
        Some(Self { name: name? })
    }
}

/// An owner, for the user whose book it is in.
#[derive(Serialize)]
pub struct OwnerOut {
    id: i64,
    user_id: i64,
    name: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<OwnerRow> for OwnerOut {
    fn from(row: OwnerRow) -> Self {
        let OwnerRow { id, user_id, name, created_at, updated_at } = row;
        Self { id, user_id, name, created_at, updated_at }
    }
}

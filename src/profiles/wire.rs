//! The bodies of profiles, in and out.

use serde::Serialize;

use super::repo::ProfileRow;
use crate::{
    db::timestamp::Timestamp,
    wire::{Fields, FromBody, text::Rule},
};

const DESCRIPTION: Rule = Rule { least: 1, most: 2000 };

/// A new profile, or the replacement of one.
pub struct ProfileIn {
    pub description: String,
}

impl FromBody for ProfileIn {
    const READ_ONLY: &'static [&'static str] = &["created_at", "updated_at"];

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let description = fields.required("description", |value| DESCRIPTION.read(value));
        Some(Self { description: description? })
    }
}

/// A profile, for its user.
#[derive(Serialize)]
pub struct ProfileOut {
    description: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<ProfileRow> for ProfileOut {
    fn from(row: ProfileRow) -> Self {
        let ProfileRow { description, created_at, updated_at, version: _ } = row;
        Self { description, created_at, updated_at }
    }
}

//! The bodies of profiles, in and out.

use serde::Serialize;

use super::repo::ProfileRow;
use crate::{
    db::timestamp::Timestamp,
    wire::{Fields, FromBody, RowTimes, text::Rule},
};

const DESCRIPTION: Rule = Rule { least: 1, most: 2000 };

/// The body of `PUT /me/profile`.
pub struct ProfileIn {
    /// The user's own words, 1 to 2,000 characters.
    pub description: String,
}

impl FromBody for ProfileIn {
    const READ_ONLY: &'static [&'static str] = &["created_at", "updated_at"];

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let description = fields.required("description", |value| DESCRIPTION.read(value));
        Some(Self { description: description? })
    }
}

/// The profile of an imported document.
pub struct ImportedProfile {
    /// The fields that `PUT /me/profile` takes.
    pub new: ProfileIn,
    /// The times of the profile.
    pub times: RowTimes,
}

impl FromBody for ImportedProfile {
    fn from_body(fields: &mut Fields) -> Option<Self> {
        let new = ProfileIn::from_body(fields);
        let times = RowTimes::from_body(fields);
        Some(Self { new: new?, times: times? })
    }
}

/// A profile in responses to its user: the description, and the times of creation and change.
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

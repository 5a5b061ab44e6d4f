//! Rows that come from an export: what a single create takes, with the id and the times that they had.

use super::{Fields, FromBody, moment::past};
use crate::{db::timestamp::Timestamp, ids::Id};

/// The times of a row that was made elsewhere, and keeps them.
#[derive(Clone, Copy)]
pub struct RowTimes {
    /// The time when the row was made.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
}

impl RowTimes {
    /// Takes the fields `created_at` and `updated_at`; now, where one is absent. `None`, with the errors kept, if one is
    /// not acceptable ([`past`]).
    pub fn from_body(fields: &mut Fields) -> Option<Self> {
        let now = Timestamp::now();
        let created_at = fields.usual("created_at", now, past);
        let updated_at = fields.usual("updated_at", now, past);
        Some(Self { created_at: created_at?, updated_at: updated_at? })
    }
}

/// A row of a list in an imported document.
pub struct Imported<T> {
    /// The id by which other rows of the document name this one; `None` if it has none. Here it gets another.
    pub id: Option<i64>,
    /// The fields that a single create takes.
    pub new: T,
    /// The times of the row.
    pub times: RowTimes,
}

impl<T: FromBody> FromBody for Imported<T> {
    const READ_ONLY: &'static [&'static str] = T::READ_ONLY;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let id = fields.usual("id", None, |value| Id::<()>::from_json(value).map(|id| Some(id.get())));
        let new = T::from_body(fields);
        let times = RowTimes::from_body(fields);
        Some(Self { id: id?, new: new?, times: times? })
    }
}

/// A deleted row that comes back under its id.
pub struct RestoredRow<T> {
    /// The id that the row had.
    pub id: i64,
    /// The version that the row gets: one more than its last, so that no `ETag` from before is good for it.
    pub version: i64,
    /// The fields and times of the row.
    pub row: Imported<T>,
}

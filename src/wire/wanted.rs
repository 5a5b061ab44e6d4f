//! The filters that every list has: by id, by the moments of creation and change, and for rows with a name by a part
//! of it.

use std::time::Duration;

use super::query::{Query, Search};
use crate::db::{
    column::{ColumnName, CommonColumns},
    expression::{AnyOf, Narrowed},
    timestamp::Timestamp,
};

/// The precision in which moments are shown.
const MILLISECOND: Duration = Duration::from_millis(1);

/// The filters that lists have in common: by ids, by the times of creation and change, and by a part of the name. By
/// default all rows are wanted. Moments count in milliseconds, as they are shown, so that a moment that was read means
/// the same when it is sent back.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    ids: Option<Vec<i64>>,
    created_after: Option<Timestamp>,
    created_before: Option<Timestamp>,
    updated_since: Option<Timestamp>,
    search: Option<Search>,
}

impl Wanted {
    /// Takes from a query the filters of a list whose rows show when they were made: `id` (up to 100 ids), and
    /// `created_after` and `created_before`, neither of which counts itself. The query keeps errors for [`Query::end`].
    pub fn made(query: &mut Query<'_>) -> Self {
        Self {
            ids: query.ids(),
            created_after: query.moment("created_after"),
            created_before: query.moment("created_before"),
            ..Self::default()
        }
    }

    /// Takes from a query the filters of [`Wanted::made`] and `updated_since`, which counts itself, for a list whose
    /// rows show when they were changed, too. The query keeps errors for [`Query::end`].
    pub fn changed(query: &mut Query<'_>) -> Self {
        Self { updated_since: query.moment("updated_since"), ..Self::made(query) }
    }

    /// Takes from a query the filters of [`Wanted::changed`] and `q`, a text that the name contains at any place, in
    /// any letter case and without accents, for a list whose rows have a name. The query keeps errors for
    /// [`Query::end`].
    pub fn named(query: &mut Query<'_>) -> Self {
        Self { search: query.search(), ..Self::changed(query) }
    }

    /// Whether the query has none of these filters, so that all rows are wanted.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        let moments = [self.created_after, self.created_before, self.updated_since];
        self.ids.is_none() && self.search.is_none() && moments.iter().all(Option::is_none)
    }

    /// The ids that are wanted; `None` if the query has no `id`.
    #[must_use]
    pub fn ids(&self) -> Option<&[i64]> {
        self.ids.as_deref()
    }

    /// The SQL condition of these filters, for the table whose columns are `table`. A filter by a column that it does
    /// not have is left out.
    #[must_use]
    pub fn of(&self, table: &CommonColumns) -> Narrowed {
        let from = |column: ColumnName, moment| (column, " >= ", moment);
        let after = self.created_after.map(|moment| from(table.created_at, moment.plus(MILLISECOND)));
        let before = self.created_before.map(|moment| (table.created_at, " < ", moment));
        // Only a list that shows the column asks for it: `made`, `changed` and `named` say which.
        let since = self.updated_since.zip(table.updated_at).map(|(moment, column)| from(column, moment));
        let part = self.search.as_ref().zip(table.name_key);
        Narrowed {
            ids: self.ids.as_ref().map(|ids| AnyOf::named(table.id, ids.iter().copied())),
            moments: after.into_iter().chain(before).chain(since).collect(),
            part: part.map(|(search, column)| search.in_column(column)),
        }
    }
}

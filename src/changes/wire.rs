//! The queries and the JSON of the routes about changes.

use serde::Serialize;
use serde_json::value::RawValue;

use super::repo::{BookState, ChangeRow, ChangesPage};
use crate::{
    db::{BookResource, timestamp::Timestamp},
    ids::Id,
    lists::{DEFAULT_LIMIT, read_limit, weight_of_rows},
    problem::{FieldError, Problem},
    wire::{FromQuery, MANY_ROWS, Query},
};

/// The query of `GET /dogowner/changes`.
#[derive(Clone)]
pub struct ChangesQuery {
    /// The number of the last change that the reader has seen; `None` to begin with the first that is kept.
    pub after: Option<i64>,
    /// The number before which changes are wanted; `None` for no bound.
    pub before: Option<i64>,
    /// The kind of rows whose changes are wanted; `None` for any.
    pub resource: Option<BookResource>,
    /// The row whose changes are wanted; `None` for any.
    pub id: Option<i64>,
    /// Whether the newest change comes first (`sort=-seq`).
    pub is_newest_first: bool,
    /// The most changes of the page, 1 to 200.
    pub limit: usize,
    /// Whether the query names an order or a limit.
    is_paged: [bool; 2],
}

impl ChangesQuery {
    /// The query for all changes after a number, the oldest first.
    pub fn after(seq: i64, limit: usize) -> Self {
        Self {
            after: Some(seq),
            before: None,
            resource: None,
            id: None,
            is_newest_first: false,
            limit,
            is_paged: [false; 2],
        }
    }

    /// Checks that there is no parameter but `after`: a stream has all changes, in their order.
    ///
    /// # Errors
    /// `validation-failed`, with each parameter that is there.
    pub fn require_plain(&self) -> Result<(), Problem> {
        let [is_sorted, is_limited] = self.is_paged;
        let given = [
            ("before", self.before.is_some()),
            ("resource", self.resource.is_some()),
            ("id", self.id.is_some()),
            ("sort", is_sorted),
            ("limit", is_limited),
        ];
        let detail = "A stream has all changes, in their order.";
        let errors = given.into_iter().filter(|(_, is_given)| *is_given);
        let errors: Vec<_> = errors.map(|(name, _)| FieldError::query(name, "unknown_parameter", detail)).collect();
        if errors.is_empty() { Ok(()) } else { Err(Problem::validation(errors)) }
    }
}

impl FromQuery for ChangesQuery {
    fn from_query(query: &mut Query<'_>) -> Self {
        let after = query.number("after");
        let before = query.number("before");
        let resource = query.one_of("resource", &BookResource::ALL.map(|resource| (resource.name(), resource)));
        let id = query.id::<()>("id").map(Id::get);
        if id.is_some() && resource.is_none() {
            query.refuse("resource", ("required", "Name the kind of the row, too: resource=dog.".into()));
        }
        let sort = query.one_of("sort", &[("seq", false), ("-seq", true)]);
        let limit = query.take("limit", read_limit);
        query.add_weight(if resource.is_some() { MANY_ROWS } else { 0 });
        query.add_weight(limit.map_or(0, weight_of_rows));
        let (is_newest_first, is_paged) = (sort.unwrap_or_default(), [sort.is_some(), limit.is_some()]);
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        Self { after, before, resource, id, is_newest_first, limit, is_paged }
    }
}

/// The response to `GET /dogowner/book`: the number of the newest change, and that up to which changes are forgotten.
#[derive(Serialize)]
pub struct BookOut {
    last: i64,
    floor: i64,
}

impl From<BookState> for BookOut {
    fn from(BookState { last, floor }: BookState) -> Self {
        Self { last, floor }
    }
}

/// A change in responses: its number and that of its operation, the time, what became of which row, and how it was; in
/// a list also how the row is now (null, if it is gone).
#[derive(Serialize)]
pub struct ChangeOut {
    seq: i64,
    batch: i64,
    at: Timestamp,
    action: String,
    resource: String,
    id: i64,
    version: i64,
    was: Option<Box<RawValue>>,
    undoes: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<Option<Box<RawValue>>>,
}

impl ChangeOut {
    /// The number of the change.
    #[must_use]
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// The change without the row as it is now.
    ///
    /// # Errors
    /// `internal-error`, when what is stored is no JSON.
    pub fn logged(change: ChangeRow) -> Result<Self, Problem> {
        let ChangeRow { seq, batch, at, resource, row_id: id, action, version, was, undoes } = change;
        let was = was.map(RawValue::from_string).transpose().map_err(Problem::internal)?;
        Ok(Self { seq, batch, at, action, resource, id, version, was, undoes, row: None })
    }

    /// The changes of a page in the form in which they are sent.
    ///
    /// # Errors
    /// `internal-error`, when what is stored is no JSON.
    pub fn all(page: ChangesPage) -> Result<Vec<Self>, Problem> {
        let ChangesPage { changes, present, .. } = page;
        let out = |change: ChangeRow| {
            let row = present.get(&(change.resource.clone(), change.row_id)).cloned();
            Ok(Self { row: Some(row), ..Self::logged(change)? })
        };
        changes.into_iter().map(out).collect()
    }
}

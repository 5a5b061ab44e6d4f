//! Pages of a sorted list, found by key and not by offset, so that they stay put while rows come and go.
//! [`Sort`] says what a list can be sorted by, [`PageRequest`] which rows of it are asked for; the SQL is in
//! `seek`.

use chrono::NaiveDate;
use diesel::QueryResult;
use serde::{Deserialize, Serialize};

use super::seek::{OrderBy, SeekPredicate};
use crate::{
    db::{search_key, timestamp::Timestamp},
    problem::Problem,
};

/// A value that rows are sorted by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SortKey {
    #[serde(rename = "i")]
    Id(i64),
    #[serde(rename = "n")]
    Name(NameKey),
    #[serde(rename = "d")]
    Day(NaiveDate),
    #[serde(rename = "m")]
    Moment(#[serde(with = "crate::db::timestamp::micros")] Timestamp),
}

/// A name and its search key, by which it is sorted. The name says both, and has an end: 255 characters. A key has up to
/// three for each of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct NameKey {
    name: String,
    key: String,
}

impl NameKey {
    /// What it is sorted by.
    #[must_use]
    pub fn key(&self) -> &String {
        &self.key
    }
}

impl From<String> for NameKey {
    fn from(name: String) -> Self {
        let key = search_key(&name);
        Self { name, key }
    }
}

impl From<NameKey> for String {
    fn from(name: NameKey) -> Self {
        name.name
    }
}

/// What a day that is not known counts as: it comes last. The indexes have it too.
pub const LAST_DAY: NaiveDate = NaiveDate::from_ymd_opt(9999, 12, 31).expect("a day");

/// Something that a list can be sorted by. Each has an index: the user, it, what sorts rows that have it in common,
/// and the id.
pub struct Sort<Row> {
    /// As a query names it.
    pub name: &'static str,
    /// The column, or the very expression that the index has; never null.
    pub sql: &'static str,
    /// Its value in a row.
    pub key: fn(&Row) -> SortKey,
    /// What sorts the rows that have it in common, unless something else is asked for: many dogs have no known
    /// birthday. The index has it too. Last of all is the id.
    pub tie_breaker: Option<&'static str>,
}

/// Which way a list is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

impl Direction {
    /// The comparison with what comes later.
    #[must_use]
    pub fn after(self) -> &'static str {
        match self {
            Self::Ascending => " > ",
            Self::Descending => " < ",
        }
    }

    /// The same, and with what is equal.
    #[must_use]
    pub fn at_or_after(self) -> &'static str {
        match self {
            Self::Ascending => " >= ",
            Self::Descending => " <= ",
        }
    }
}

/// A key to sort by, and which way.
pub struct SortTerm<Row: 'static> {
    pub sort: &'static Sort<Row>,
    pub direction: Direction,
}

impl<Row> Clone for SortTerm<Row> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Row> Copy for SortTerm<Row> {}

impl<Row> PartialEq for SortTerm<Row> {
    fn eq(&self, other: &Self) -> bool {
        self.sort.name == other.sort.name && self.direction == other.direction
    }
}

/// Which rows of a sorted list are asked for.
pub struct PageRequest<Row: 'static> {
    /// What the list is sorted by; the last one is unique.
    pub order: Vec<SortTerm<Row>>,
    /// Whether an index has the rows in this order.
    pub by_index: bool,
    /// Whether the database finds what follows several keys at once in an index: PostgreSQL does.
    pub compares_rows: bool,
    /// The keys of the last row before the page, one for each term.
    pub after: Option<Vec<SortKey>>,
    /// How many rows a page has.
    pub limit: usize,
}

impl<Row> PageRequest<Row> {
    /// Fetches the page, and one row more if there is one.
    ///
    /// In the order of an index, what follows a row are first those that share all its keys but the last, then
    /// those that share one key less, and so on: for each `load` is asked, until there is enough. So each query
    /// has its keys fixed but for one, and that one is a range of the index; a comparison of all of them at once
    /// is not, in SQLite; in PostgreSQL it is. Any other order the database has to make itself, in one query.
    ///
    /// # Errors
    /// Those of `load`.
    pub fn page<'a>(
        &'a self,
        mut load: impl FnMut(Seek<'a, Row>) -> QueryResult<Vec<Row>>,
    ) -> Result<Page<Row>, Problem> {
        let wanted = self.limit + 1;
        let steps = self.steps();
        let mut rows = Vec::new();
        for shared in (0..steps).rev() {
            let missing = wanted - rows.len();
            if missing == 0 {
                break;
            }
            let seek = Seek {
                predicate: SeekPredicate { window: self, shared },
                order: OrderBy { window: self, shared },
                limit: i64::try_from(missing).unwrap_or(i64::MAX),
                in_memory: !self.by_index,
            };
            rows.append(&mut load(seek)?);
        }
        Ok(self.found(rows))
    }

    /// How many queries there may be.
    #[must_use]
    pub fn steps(&self) -> usize {
        if self.after.is_some() && self.by_index && !self.compares_rows { self.order.len() } else { 1 }
    }

    /// The page of `rows`, which are the first of those that are to be had: one more than the page has, if there
    /// are as many.
    #[must_use]
    pub fn found(&self, mut rows: Vec<Row>) -> Page<Row> {
        let has_next = rows.len() > self.limit;
        rows.truncate(self.limit);
        let last = rows.last().filter(|_| has_next);
        let next = last.map(|row| self.order.iter().map(|term| (term.sort.key)(row)).collect());
        Page { rows, next, total: None, was_much_work: false }
    }

    /// The id of the last row before the page, in a list that is sorted by it alone.
    #[must_use]
    pub fn after_id(&self) -> i64 {
        match self.after.as_deref() {
            Some([SortKey::Id(id)]) => *id,
            _ => 0,
        }
    }
}

/// A page as it was found.
pub struct Page<Row> {
    pub rows: Vec<Row>,
    /// The keys of the last row, if there are more after it.
    pub next: Option<Vec<SortKey>>,
    /// How many rows there are on all pages, where that was asked.
    pub total: Option<i64>,
    /// Whether far more rows were looked at than a page has; who asks for it cannot tell beforehand.
    pub was_much_work: bool,
}

impl<Row> Page<Row> {
    /// With how many there are in all.
    #[must_use]
    pub fn of(self, total: Option<i64>) -> Self {
        Self { total, ..self }
    }

    /// The same page, its rows made into others.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn try_map<Other>(
        self,
        make: impl FnOnce(Vec<Row>) -> Result<Vec<Other>, Problem>,
    ) -> Result<Page<Other>, Problem> {
        let Self { rows, next, total, was_much_work } = self;
        Ok(Page { rows: make(rows)?, next, total, was_much_work })
    }
}

/// One query of a page.
pub struct Seek<'a, Row: 'static> {
    /// What to filter by.
    pub predicate: SeekPredicate<'a, Row>,
    /// What to order by.
    pub order: OrderBy<'a, Row>,
    /// How many rows to fetch.
    pub limit: i64,
    /// Whether the database sorts rows itself, an index having them in another order, so that they are better
    /// few and small.
    pub in_memory: bool,
}

//! The keys that a list can be sorted by, and the order that a request asks for. The SQL is in `seek`.

use std::borrow::Cow;

use chrono::NaiveDate;
use diesel::{
    prelude::*,
    sql_types::{BigInt, Date, Nullable, Text},
};
use serde::{Deserialize, Serialize};

use crate::{
    db::{
        column::{ColumnName, NamedTable},
        expression::{DayOrLast, LAST_DAY},
        search_key,
        timestamp::{Timestamp, Timestamptz},
    },
    wire::query::Refusal,
};

/// The name of the sort key that is unique in every list.
pub(super) const ID: &str = "id";
/// The name of the sort key that is the name of a row.
const NAME: &str = "name";

/// The value of one sort key in one row. A cursor carries those of the last row of a page, and so tells where the next
/// one begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SortKey {
    /// The row's id.
    #[serde(rename = "i")]
    Id(i64),
    /// The row's name, compared by its search key.
    #[serde(rename = "n")]
    Name(NameKey),
    /// A day of the row; [`LAST_DAY`] for one that is not known.
    #[serde(rename = "d")]
    Day(NaiveDate),
    /// A moment of the row, such as `created_at`, to the microsecond.
    #[serde(rename = "m")]
    Moment(#[serde(with = "crate::db::timestamp::micros")] Timestamp),
}

/// A name with its search key ([`search_key()`]), by which it is sorted. In a cursor only the name is written, at most
/// 255 characters, and the key made of it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct NameKey {
    name: String,
    key: String,
}

impl NameKey {
    /// The key that the name is sorted by.
    pub(super) fn key(&self) -> &String {
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

/// A key that a list of `Row`s can be sorted by: its name in the parameter `sort`, its SQL, and a function that reads
/// its value from a row. Each needs an index over the user, the key, its tie breaker ([`Sort::tie_breaker`]), and the
/// id.
pub struct Sort<Row> {
    /// The key as a query names it.
    pub(super) name: &'static str,
    /// The column, or the very expression that the index has; never null.
    pub(super) sql: SortSql,
    value: RowValue<Row>,
    tie_breaker: Option<&'static str>,
}

/// The SQL of a sort key.
#[derive(Clone, Copy)]
pub(super) enum SortSql {
    Column(ColumnName),
    Day(DayOrLast),
}

/// How the value that a row is sorted by is read from it.
enum RowValue<Row> {
    Id(fn(&Row) -> i64),
    Name(fn(&Row) -> &str),
    Day(fn(&Row) -> Option<NaiveDate>),
    Moment(fn(&Row) -> Timestamp),
}

impl<Row> Sort<Row> {
    /// The sort key `id`, which every list has: `column` holds the ids, and `value` reads a row's.
    #[must_use]
    pub const fn id<C>(column: C, value: fn(&Row) -> i64) -> Self
    where
        C: Column<Table: NamedTable, SqlType = BigInt> + Copy,
    {
        Self::new(ID, SortSql::Column(ColumnName::of(column)), RowValue::Id(value))
    }

    /// The sort key `name`: `key` is the column of the names' search keys ([`search_key()`]), and `value` reads a row's
    /// name, of which the search key is made.
    #[must_use]
    pub const fn name<C>(key: C, value: fn(&Row) -> &str) -> Self
    where
        C: Column<Table: NamedTable, SqlType = Text> + Copy,
    {
        Self::new(NAME, SortSql::Column(ColumnName::of(key)), RowValue::Name(value))
    }

    /// A sort key by a nullable day, named as its column is. `value` reads a row's day; an unknown one counts as
    /// [`LAST_DAY`], and so comes last in ascending order.
    #[must_use]
    pub const fn day<C>(column: C, value: fn(&Row) -> Option<NaiveDate>) -> Self
    where
        C: Column<Table: NamedTable, SqlType = Nullable<Date>> + Copy,
    {
        Self::new(C::NAME, SortSql::Day(DayOrLast::of(column)), RowValue::Day(value))
    }

    /// A sort key by a moment, named as its column is; `value` reads a row's.
    #[must_use]
    pub const fn moment<C>(column: C, value: fn(&Row) -> Timestamp) -> Self
    where
        C: Column<Table: NamedTable, SqlType = Timestamptz> + Copy,
    {
        Self::new(C::NAME, SortSql::Column(ColumnName::of(column)), RowValue::Moment(value))
    }

    /// Adds a second key, by its name, that sorts the rows which have this one in common, unless the request names
    /// another: many dogs have no known birthday. The index must have it, too; a name that is none of the list's keys
    /// is passed over. Last of all is the id.
    #[must_use]
    pub const fn tie_breaker(mut self, name: &'static str) -> Self {
        self.tie_breaker = Some(name);
        self
    }

    const fn new(name: &'static str, sql: SortSql, value: RowValue<Row>) -> Self {
        Self { name, sql, value, tie_breaker: None }
    }

    /// The value of this key in a row.
    fn key(&self, row: &Row) -> SortKey {
        match self.value {
            RowValue::Id(id) => SortKey::Id(id(row)),
            RowValue::Name(name) => SortKey::Name(name(row).to_owned().into()),
            RowValue::Day(day) => SortKey::Day(day(row).unwrap_or(LAST_DAY)),
            RowValue::Moment(moment) => SortKey::Moment(moment(row)),
        }
    }
}

/// The direction in which a list is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

impl Direction {
    /// The comparison with what comes later.
    pub(super) fn after(self) -> &'static str {
        match self {
            Self::Ascending => " > ",
            Self::Descending => " < ",
        }
    }

    /// The comparison with rows that are equal included.
    pub(super) fn at_or_after(self) -> &'static str {
        match self {
            Self::Ascending => " >= ",
            Self::Descending => " <= ",
        }
    }
}

/// A key to sort by, and which way.
pub(super) struct SortTerm<Row: 'static> {
    pub(super) sort: &'static Sort<Row>,
    pub(super) direction: Direction,
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

/// The order that a list was asked for: sort keys ([`Sort`]), each ascending or descending. The last key is the id, so
/// that no two rows are equal and a page can begin after any of them.
pub struct Order<Row: 'static> {
    /// The keys by their weight; the last is unique.
    pub(super) terms: Vec<SortTerm<Row>>,
    /// Whether an index has the rows in this order.
    pub(super) by_index: bool,
}

impl<Row> Order<Row> {
    /// The order of a list that is asked for without `sort`: by id, ascending. `sorts` are the sort keys of the list.
    #[must_use]
    pub fn usual(sorts: &'static [Sort<Row>]) -> Self {
        let mut terms = Vec::new();
        complete(sorts, &mut terms);
        Self { terms, by_index: true }
    }

    /// Reads the parameter `sort`, such as `-created_at,name`: the most important key first, `-` for descending. The
    /// tie breaker ([`Sort::tie_breaker`]) and the id are added where they are left out, in the direction of the key
    /// before them.
    ///
    /// # Errors
    /// The code of the [`Refusal`]: `unknown_value` for a key that is not one of `sorts`; `repeated` for one that is
    /// named twice.
    pub fn parse(sorts: &'static [Sort<Row>], text: &str) -> Result<Self, Refusal> {
        let mut terms: Vec<SortTerm<Row>> = Vec::new();
        for word in text.split(',') {
            let (name, direction) = match word.strip_prefix('-') {
                Some(name) => (name, Direction::Descending),
                None => (word, Direction::Ascending),
            };
            if terms.iter().any(|term| term.sort.name == name) {
                return Err(("repeated", "Name each key once.".into()));
            }
            terms.push(SortTerm { sort: find(sorts, name).ok_or_else(|| unknown_sort(sorts))?, direction });
        }
        complete(sorts, &mut terms);
        let mut by_index: Vec<_> = terms.first().copied().into_iter().collect();
        complete(sorts, &mut by_index);
        let by_index = by_index == terms;
        Ok(Self { terms, by_index })
    }

    /// The keys of a row, one for each term.
    pub(super) fn keys(&self, row: &Row) -> Vec<SortKey> {
        self.terms.iter().map(|term| term.sort.key(row)).collect()
    }
}

/// Goes on with what was not asked for, up to the id.
fn complete<Row>(sorts: &'static [Sort<Row>], terms: &mut Vec<SortTerm<Row>>) {
    let last = terms.last().copied();
    let direction = last.map_or(Direction::Ascending, |term| term.direction);
    for name in last.and_then(|term| term.sort.tie_breaker).into_iter().chain([ID]) {
        if terms.iter().all(|term| term.sort.name != name) {
            terms.extend(find(sorts, name).map(|sort| SortTerm { sort, direction }));
        }
    }
    // Nothing is left to be sorted after the id.
    if let Some(unique) = terms.iter().position(|term| term.sort.name == ID) {
        terms.truncate(unique + 1);
    }
}

fn find<Row>(sorts: &'static [Sort<Row>], name: &str) -> Option<&'static Sort<Row>> {
    sorts.iter().find(|sort| sort.name == name)
}

fn unknown_sort<Row>(sorts: &[Sort<Row>]) -> Refusal {
    let known: Vec<_> = sorts.iter().map(|sort| sort.name).collect();
    let detail = format!("This accepts: {}; with - in front for descending.", known.join(", "));
    ("unknown_value", Cow::from(detail))
}

#[cfg(test)]
mod tests {
    use super::{ColumnName, Direction, Order, RowValue, Sort, SortSql};
    use crate::db::schema::tasks;

    #[test]
    fn an_order_ends_with_the_id_in_the_direction_of_the_key_before() {
        const fn sort(name: &'static str) -> Sort<()> {
            Sort::new(name, SortSql::Column(ColumnName::of(tasks::id)), RowValue::Id(|()| 0))
        }
        const SORTS: &[Sort<()>] = &[sort("id"), sort("name"), sort("age").tie_breaker("name")];
        let read = |text| {
            let Order { terms, by_index } = Order::parse(SORTS, text).map_err(|(code, _)| code)?;
            let signs = terms.iter().map(|term| if term.direction == Direction::Descending { "-" } else { "" });
            let words: Vec<_> = signs.zip(&terms).map(|(sign, term)| format!("{sign}{}", term.sort.name)).collect();
            Ok((words.join(","), by_index))
        };
        for (asked_for, meant, by_index) in [
            ("-name", "-name,-id", true),
            ("-name,-id", "-name,-id", true),
            ("-age", "-age,-name,-id", true),
            ("age,name", "age,name,id", true),
            ("-age,name", "-age,name,id", false),
            ("name,-age", "name,-age,-id", false),
            ("-id,name", "-id", true),
            ("age,-id", "age,-id", false),
        ] {
            assert_eq!(read(asked_for), Ok((meant.to_owned(), by_index)));
        }
        assert_eq!(read("name,-name"), Err("repeated"));
        for wrong in ["", "-", "name,", ",name", "size", "--name", "+name", "NAME", " name"] {
            assert_eq!(read(wrong), Err("unknown_value"), "{wrong:?}");
        }
    }
}

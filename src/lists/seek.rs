//! The SQL of a page: the condition for the rows that follow the page before, and their order. Written by hand, since
//! Diesel would have a type for each order; unlike `diesel::dsl::sql` it may stay prepared.

use chrono::NaiveDate;
use diesel::{
    backend::Backend,
    expression::expression_types::NotSelectable,
    prelude::*,
    query_builder::{AstPass, QueryFragment},
    serialize::ToSql,
    sql_types::{BigInt, Bool, Date, HasSqlType, Text},
};

use super::order::{Direction, Order, SortKey, SortSql, SortTerm};
use crate::db::{
    expression::expression,
    timestamp::{Timestamp, Timestamptz},
};

/// The condition that a row comes after the last one of the page before. Without `compares_rows` it is one step of
/// several, each a range of an index: only the rows meet it that share the first `shared` sort keys with that row, and
/// come after it by the next key.
pub struct SeekPredicate<'a, Row: 'static> {
    /// The sort keys to compare by.
    pub order: &'a Order<Row>,
    /// Whether all keys are compared at once, `(a, b) > (?, ?)`, which PostgreSQL finds by one range of an index.
    pub compares_rows: bool,
    /// The sort keys of the last row of the page before; `None` on the first page, where every row meets the condition.
    pub after: Option<&'a [SortKey]>,
    /// The number of sort keys, from the first, that the rows of this step have in common with that row.
    pub shared: usize,
}

impl<Row, DB: Backend> QueryFragment<DB> for SeekPredicate<'_, Row>
where
    SortKey: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Some(after) = self.after else {
            out.push_sql("TRUE");
            return Ok(());
        };
        if self.order.by_index && self.compares_rows {
            return compare_rows(&mut out, &self.order.terms, after);
        }
        let mut keys = self.order.terms.iter().zip(after);
        // `a = ? AND b = ? AND `
        for (term, key) in keys.by_ref().take(self.shared) {
            compare(&mut out, term, " = ", key)?;
            out.push_sql(" AND ");
        }
        let Some((term, key)) = keys.next() else { return Ok(()) };
        if self.order.by_index {
            return compare(&mut out, term, term.direction.after(), key);
        }
        // `a >= ? AND (a > ? OR (b > ? OR (b = ? AND c > ?)))`, of which an index takes the first.
        compare(&mut out, term, term.direction.at_or_after(), key)?;
        out.push_sql(" AND (");
        compare(&mut out, term, term.direction.after(), key)?;
        let mut open = 1;
        let mut before = None;
        for (term, key) in keys {
            out.push_sql(" OR (");
            open += 1;
            if let Some((term, key)) = before.replace((term, key)) {
                compare(&mut out, term, " = ", key)?;
                out.push_sql(" AND (");
                open += 1;
            }
            compare(&mut out, term, term.direction.after(), key)?;
        }
        out.push_sql(&")".repeat(open));
        Ok(())
    }
}

/// `(a, b) > (?, ?)`; in the order of an index all keys go the same way.
fn compare_rows<'b, Row, DB: Backend>(
    out: &mut AstPass<'_, 'b, DB>,
    order: &'b [SortTerm<Row>],
    after: &'b [SortKey],
) -> QueryResult<()>
where
    SortKey: QueryFragment<DB>,
{
    let mut opening = "(";
    for term in order {
        out.push_sql(opening);
        term.sort.sql.write(out);
        opening = ", ";
    }
    out.push_sql(")");
    out.push_sql(order.first().map_or(" > ", |term| term.direction.after()));
    opening = "(";
    for key in after {
        out.push_sql(opening);
        key.walk_ast(out.reborrow())?;
        opening = ", ";
    }
    out.push_sql(")");
    Ok(())
}

/// `a > ?`
fn compare<'b, Row, DB: Backend>(
    out: &mut AstPass<'_, 'b, DB>,
    term: &'b SortTerm<Row>,
    operator: &str,
    key: &'b SortKey,
) -> QueryResult<()>
where
    SortKey: QueryFragment<DB>,
{
    term.sort.sql.write(out);
    out.push_sql(operator);
    key.walk_ast(out.reborrow())
}

impl SortSql {
    fn write<DB: Backend>(self, out: &mut AstPass<'_, '_, DB>) {
        match self {
            Self::Column(column) => column.write(out),
            Self::Day(day) => day.write(out),
        }
    }
}

impl<DB> QueryFragment<DB> for SortKey
where
    DB: Backend + HasSqlType<Timestamptz>,
    i64: ToSql<BigInt, DB>,
    String: ToSql<Text, DB>,
    NaiveDate: ToSql<Date, DB>,
    Timestamp: ToSql<Timestamptz, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        match self {
            Self::Id(id) => out.push_bind_param::<BigInt, _>(id),
            Self::Name(name) => out.push_bind_param::<Text, _>(name.key()),
            Self::Day(day) => out.push_bind_param::<Date, _>(day),
            Self::Moment(moment) => out.push_bind_param::<Timestamptz, _>(moment),
        }
    }
}

/// The `ORDER BY` of a page, such as `a DESC, b`, without the sort keys that all rows of a step ([`SeekPredicate`])
/// have in common: SQLite would sort by them all the same.
pub struct OrderBy<'a, Row: 'static> {
    /// The sort keys.
    pub order: &'a Order<Row>,
    /// The number of sort keys, from the first, that are left out.
    pub shared: usize,
}

impl<Row, DB: Backend> QueryFragment<DB> for OrderBy<'_, Row> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        // Of the orders by more keys than two and the id there are too many to keep each of them prepared.
        if self.order.terms.len() > 3 && !self.order.by_index {
            out.unsafe_to_cache_prepared();
        }
        for (position, term) in self.order.terms.iter().skip(self.shared).enumerate() {
            if position > 0 {
                out.push_sql(", ");
            }
            term.sort.sql.write(&mut out);
            if term.direction == Direction::Descending {
                out.push_sql(" DESC");
            }
        }
        Ok(())
    }
}

expression!(SeekPredicate<'_, Row>, Bool, [Row: 'static]);
expression!(OrderBy<'_, Row>, NotSelectable, [Row: 'static]);

//! Expressions that Diesel has not, or not for both databases. Unlike `diesel::dsl::sql` they may stay
//! prepared.

use chrono::NaiveDate;
use diesel::{
    QueryResult,
    backend::Backend,
    pg::Pg,
    query_builder::{AstPass, QueryFragment},
    serialize::ToSql,
    sql_types::{Array, BigInt, Bool, Date, HasSqlType, Text},
    sqlite::Sqlite,
};

use super::timestamp::{Timestamp, Timestamptz};
use crate::ids::UserId;

/// What Diesel wants to know of an expression of our own. That its columns are there nobody checks; the tests
/// run every one of them.
macro_rules! expression {
    ($expression:ty, $sql_type:ty $(, [$($generics:tt)*])?) => {
        impl$(<$($generics)*>)? diesel::Expression for $expression {
            type SqlType = $sql_type;
        }

        impl<$($($generics)*,)? From: ?Sized> diesel::AppearsOnTable<From> for $expression {}

        impl<$($($generics)*,)? From: ?Sized> diesel::SelectableExpression<From> for $expression {}

        impl<$($($generics)*,)? By> diesel::expression::ValidGrouping<By> for $expression {
            type IsAggregate = diesel::expression::is_aggregate::Never;
        }

        impl$(<$($generics)*>)? diesel::query_builder::QueryId for $expression {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
    };
}
pub(crate) use expression;

/// A condition that is there or not. Unlike a boxed query, what has these has one type for both databases.
pub struct When<Condition>(pub Option<Condition>);

expression!(When<Condition>, Bool, [Condition]);

impl<DB: Backend, Condition: QueryFragment<DB>> QueryFragment<DB> for When<Condition> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if let Some(condition) = &self.0 {
            return condition.walk_ast(out);
        }
        out.push_sql("TRUE");
        Ok(())
    }
}

/// Whether a column holds one of the values that a query finds; Diesel's own wants another type of query.
pub struct InSubquery<Query> {
    pub column: &'static str,
    pub query: Query,
}

expression!(InSubquery<Query>, Bool, [Query]);

impl<DB: Backend, Query: QueryFragment<DB>> QueryFragment<DB> for InSubquery<Query> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(self.column);
        out.push_sql(" IN (");
        self.query.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}

/// Whether a column holds one of these ids: one bind, however many they are, so that the statement is the
/// same for every page.
pub struct AnyOf {
    column: &'static str,
    ids: Vec<i64>,
    /// The same as SQLite reads them.
    json: String,
}

impl AnyOf {
    #[must_use]
    pub fn new(column: &'static str, ids: impl IntoIterator<Item = impl Into<i64>>) -> Self {
        let ids: Vec<i64> = ids.into_iter().map(Into::into).collect();
        let json = format!("[{}]", ids.iter().map(i64::to_string).collect::<Vec<_>>().join(","));
        Self { column, ids, json }
    }
}

expression!(AnyOf, Bool);

impl QueryFragment<Sqlite> for AnyOf {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(self.column);
        out.push_sql(" IN (SELECT value FROM json_each(");
        out.push_bind_param::<Text, _>(&self.json)?;
        out.push_sql("))");
        Ok(())
    }
}

impl QueryFragment<Pg> for AnyOf {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(self.column);
        out.push_sql(" = ANY(");
        out.push_bind_param::<Array<BigInt>, _>(&self.ids)?;
        out.push_sql(")");
        Ok(())
    }
}

/// Whether a text has another one anywhere in it, whatever it is made of: unlike `LIKE` this knows no wildcards,
/// and no pattern that takes it long.
pub struct Contains {
    pub column: &'static str,
    pub part: String,
}

expression!(Contains, Bool);

impl Contains {
    fn walk<'b, DB>(&'b self, function: &str, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        DB: Backend + HasSqlType<Text>,
        String: ToSql<Text, DB>,
    {
        out.push_sql(function);
        out.push_sql("(");
        out.push_sql(self.column);
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.part)?;
        out.push_sql(") > 0");
        Ok(())
    }
}

impl QueryFragment<Sqlite> for Contains {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.walk("instr", out)
    }
}

impl QueryFragment<Pg> for Contains {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.walk("strpos", out)
    }
}

/// What the columns of a table are called that rows of any table are found by.
pub struct Table {
    pub id: &'static str,
    pub created_at: &'static str,
    pub updated_at: &'static str,
    pub name_key: &'static str,
}

macro_rules! table {
    ($name:literal) => {
        Table {
            id: concat!($name, ".id"),
            created_at: concat!($name, ".created_at"),
            updated_at: concat!($name, ".updated_at"),
            name_key: concat!($name, ".name_key"),
        }
    };
}

impl Table {
    pub const OWNERS: Self = table!("owners");
    pub const DOGS: Self = table!("dogs");
    pub const TASKS: Self = table!("tasks");
    /// It has no names, and nothing in it shows when it was changed.
    pub const SESSIONS: Self = table!("sessions");
}

/// Conditions of which each is there or not, in one expression: where none is, a list's text is as short as can be.
pub struct Narrowed {
    pub ids: Option<AnyOf>,
    /// Column, comparison and moment.
    pub moments: Vec<(&'static str, &'static str, Timestamp)>,
    pub part: Option<Contains>,
}

expression!(Narrowed, Bool);

impl<DB> QueryFragment<DB> for Narrowed
where
    DB: Backend + HasSqlType<Timestamptz>,
    Timestamp: ToSql<Timestamptz, DB>,
    AnyOf: QueryFragment<DB>,
    Contains: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        // With all that a list has beside them there are too many of these to keep each of them prepared.
        if !self.moments.is_empty() {
            out.unsafe_to_cache_prepared();
        }
        let mut and = "";
        if let Some(ids) = &self.ids {
            ids.walk_ast(out.reborrow())?;
            and = " AND ";
        }
        for (column, comparison, moment) in &self.moments {
            for sql in [and, *column, *comparison] {
                out.push_sql(sql);
            }
            out.push_bind_param::<Timestamptz, _>(moment)?;
            and = " AND ";
        }
        if let Some(part) = &self.part {
            out.push_sql(and);
            return part.walk_ast(out);
        }
        out.push_sql(if and.is_empty() { "TRUE" } else { "" });
        Ok(())
    }
}

/// The days between two, or beside one, of a sort key such as `COALESCE(due_on, …)`, so that its index serves it.
pub struct Between {
    /// As a [`Sort`](crate::lists::Sort) has it.
    pub sql: &'static str,
    /// The column that it is made of. Rows that have no day are not after any.
    pub column: &'static str,
    pub after: Option<NaiveDate>,
    pub before: Option<NaiveDate>,
}

expression!(Between, Bool);

impl<DB: Backend> QueryFragment<DB> for Between
where
    NaiveDate: ToSql<Date, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let mut and = "";
        if let Some(after) = &self.after {
            out.push_sql(self.sql);
            out.push_sql(" > ");
            out.push_bind_param::<Date, _>(after)?;
            out.push_sql(" AND ");
            out.push_sql(self.column);
            out.push_sql(" IS NOT NULL");
            and = " AND ";
        }
        if let Some(before) = &self.before {
            out.push_sql(and);
            out.push_sql(self.sql);
            out.push_sql(" < ");
            return out.push_bind_param::<Date, _>(before);
        }
        out.push_sql(if and.is_empty() { "TRUE" } else { "" });
        Ok(())
    }
}

/// A column that its index is not to be looked up by: the planner shall come to its table first.
#[derive(Clone, Copy)]
pub struct Unindexed(pub &'static str);

expression!(Unindexed, BigInt);

impl<DB: Backend> QueryFragment<DB> for Unindexed {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("(+");
        out.push_sql(self.0);
        out.push_sql(")");
        Ok(())
    }
}

/// The number of rows that a user has in a table, as far as `most`: more are not looked at.
pub struct CountUpTo {
    pub table: &'static str,
    pub user: UserId,
    pub most: i64,
}

expression!(CountUpTo, BigInt);

impl<DB: Backend> QueryFragment<DB> for CountUpTo
where
    DB: HasSqlType<BigInt>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("(SELECT count(*) FROM (SELECT 1 FROM ");
        out.push_sql(self.table);
        out.push_sql(" WHERE user_id = ");
        out.push_bind_param::<BigInt, _>(&self.user)?;
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.most)?;
        out.push_sql(") AS counted)");
        Ok(())
    }
}

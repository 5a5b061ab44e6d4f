//! SQL expressions that Diesel has not, or not for both databases. Unlike those of `diesel::dsl::sql` their statements
//! may stay prepared.

use chrono::NaiveDate;
use diesel::{
    backend::Backend,
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, QueryFragment},
    serialize::ToSql,
    sql_types::{Array, BigInt, Bool, Date, HasSqlType, IntoNullable, Nullable, Text},
    sqlite::Sqlite,
};

use super::{
    column::{ColumnName, NamedTable},
    timestamp::{Timestamp, Timestamptz},
};
use crate::ids::UserId;

/// The traits that Diesel wants of an expression of our own. It may stand in a query of any table, or `on` the tables
/// that another expression may stand on.
macro_rules! expression {
    ($expression:ty, $sql_type:ty $(, [$($generics:tt)*])? $(, on $inner:ty)?) => {
        impl$(<$($generics)*>)? diesel::Expression for $expression {
            type SqlType = $sql_type;
        }

        impl<$($($generics)*,)? From: ?Sized> diesel::AppearsOnTable<From> for $expression
        where
            $($inner: diesel::AppearsOnTable<From>,)?
        {
        }

        impl<$($($generics)*,)? From: ?Sized> diesel::SelectableExpression<From> for $expression
        where
            $($inner: diesel::SelectableExpression<From>,)?
        {
        }

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

/// A condition that may be absent, made by [`when`]. In a query without it every row meets it; the type stays the same,
/// so that the query needs no `into_boxed`.
pub struct When<Condition>(Option<Condition>);

/// The condition that `make` makes of `value`, for a query's `filter`; without a value every row meets it.
pub fn when<T, Condition>(value: Option<T>, make: impl FnOnce(T) -> Condition) -> When<Condition> {
    When(value.map(make))
}

expression!(When<Condition>, Bool, [Condition], on Condition);

impl<DB: Backend, Condition: QueryFragment<DB>> QueryFragment<DB> for When<Condition> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if let Some(condition) = &self.0 {
            return condition.walk_ast(out);
        }
        out.push_sql("TRUE");
        Ok(())
    }
}

/// The condition that a column holds one of some ids, as a single bind however many they are, so that the statement
/// stays the same and prepared: `= ANY(array)` in PostgreSQL, `json_each` in SQLite.
pub struct AnyOf {
    column: ColumnName,
    ids: Vec<i64>,
    /// The values as a JSON array, which SQLite reads.
    json: String,
}

impl AnyOf {
    /// The condition that `column` holds one of `ids`, of which there may be any number; with none no row meets it.
    #[must_use]
    pub fn new<C>(column: C, ids: impl IntoIterator<Item = impl Into<i64>>) -> Self
    where
        C: Column<Table: NamedTable, SqlType: IntoNullable<Nullable = Nullable<BigInt>>> + Copy,
    {
        Self::named(ColumnName::of(column), ids)
    }

    /// The condition that the column of this name holds one of `ids`, as [`AnyOf::new`] for Diesel's columns.
    #[must_use]
    pub fn named(column: ColumnName, ids: impl IntoIterator<Item = impl Into<i64>>) -> Self {
        let ids: Vec<i64> = ids.into_iter().map(Into::into).collect();
        let json = format!("[{}]", ids.iter().map(i64::to_string).collect::<Vec<_>>().join(","));
        Self { column, ids, json }
    }
}

expression!(AnyOf, Bool);

impl QueryFragment<Sqlite> for AnyOf {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.column.write(&mut out);
        out.push_sql(" IN (SELECT value FROM json_each(");
        out.push_bind_param::<Text, _>(&self.json)?;
        out.push_sql("))");
        Ok(())
    }
}

impl QueryFragment<Pg> for AnyOf {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.column.write(&mut out);
        out.push_sql(" = ANY(");
        out.push_bind_param::<Array<BigInt>, _>(&self.ids)?;
        out.push_sql(")");
        Ok(())
    }
}

/// The condition that a column's text contains another one, letter by letter: case and accents count. Unlike with
/// `LIKE` no character in it is a wildcard.
pub struct Contains {
    /// The column whose text is looked through.
    pub column: ColumnName,
    /// The text that must be contained in the column's.
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
        self.column.write(&mut out);
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

/// The conditions of [`Wanted`](crate::wire::Wanted), the filters that every list has, as one SQL expression; a row
/// must meet all that are there. Where none is, the SQL is `TRUE`.
pub struct Narrowed {
    /// The condition that the row has one of some ids.
    pub ids: Option<AnyOf>,
    /// Comparisons of columns with moments: column, operator with a blank on each side (`" >= "`), and moment.
    pub moments: Vec<(ColumnName, &'static str, Timestamp)>,
    /// The condition that the row's name contains a text.
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
            out.push_sql(and);
            column.write(&mut out);
            out.push_sql(comparison);
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

/// The SQL expression of a nullable day as rows are sorted by it: an unknown day counts as [`LAST_DAY`], and so comes
/// last. Written to the letter as the indexes have it, so that they serve it.
#[derive(Clone, Copy, Debug)]
pub struct DayOrLast(ColumnName);

/// The day that stands for an unknown one where rows are sorted: 9999-12-31.
pub const LAST_DAY: NaiveDate = NaiveDate::from_ymd_opt(9999, 12, 31).expect("a day");

impl DayOrLast {
    /// The days in a nullable column of dates.
    #[must_use]
    pub const fn of<C>(column: C) -> Self
    where
        C: Column<Table: NamedTable, SqlType = Nullable<Date>> + Copy,
    {
        Self(ColumnName::of(column))
    }

    /// Writes the expression into the SQL of a query, to the letter as the indexes have it.
    pub fn write<DB: Backend>(self, out: &mut AstPass<'_, '_, DB>) {
        out.push_sql("COALESCE(");
        self.0.write(out);
        out.push_sql(", '9999-12-31')");
    }
}

/// The condition that a day is after `after` and before `before`, neither of which counts itself; an unknown day is
/// never. An index on [`DayOrLast`] serves it.
pub struct Between {
    /// The days that are compared.
    pub day: DayOrLast,
    /// The day that must be passed; `None` for no lower bound.
    pub after: Option<NaiveDate>,
    /// The day that must not be reached; `None` for no upper bound.
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
            self.day.write(&mut out);
            out.push_sql(" > ");
            out.push_bind_param::<Date, _>(after)?;
            out.push_sql(" AND ");
            self.day.0.write(&mut out);
            out.push_sql(" IS NOT NULL");
            and = " AND ";
        }
        if let Some(before) = &self.before {
            out.push_sql(and);
            self.day.write(&mut out);
            out.push_sql(" < ");
            return out.push_bind_param::<Date, _>(before);
        }
        out.push_sql(if and.is_empty() { "TRUE" } else { "" });
        Ok(())
    }
}

/// A column of ids whose index SQLite is kept from using, by the SQL `(+column)`: the planner has to come to its table
/// by another condition first.
#[derive(Clone, Copy)]
pub struct Unindexed(ColumnName);

impl Unindexed {
    /// The value of this column of ids.
    #[must_use]
    pub fn of<C>(column: C) -> Self
    where
        C: Column<Table: NamedTable, SqlType = BigInt> + Copy,
    {
        Self(ColumnName::of(column))
    }
}

expression!(Unindexed, BigInt);

impl<DB: Backend> QueryFragment<DB> for Unindexed {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("(+");
        self.0.write(&mut out);
        out.push_sql(")");
        Ok(())
    }
}

/// The number of a user's rows in a table as SQL, counted no further than `most`: a limit is compared with it, and more
/// rows need not be looked at.
pub struct CountUpTo {
    user_id: ColumnName,
    user: UserId,
    most: i64,
}

impl CountUpTo {
    /// The number of rows that have `user` in the column `user_id`, in the table of that column, or `most` if there are
    /// as many or more.
    #[must_use]
    pub fn new<C>(user_id: C, user: UserId, most: i64) -> Self
    where
        C: Column<Table: NamedTable, SqlType = BigInt> + Copy,
    {
        Self { user_id: ColumnName::of(user_id), user, most }
    }
}

expression!(CountUpTo, BigInt);

impl<DB: Backend> QueryFragment<DB> for CountUpTo
where
    DB: HasSqlType<BigInt>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("(SELECT count(*) FROM (SELECT 1 FROM ");
        out.push_sql(self.user_id.table);
        out.push_sql(" WHERE ");
        out.push_sql(self.user_id.column);
        out.push_sql(" = ");
        out.push_bind_param::<BigInt, _>(&self.user)?;
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.most)?;
        out.push_sql(") AS counted)");
        Ok(())
    }
}

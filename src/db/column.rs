//! Columns by their names, for the SQL expressions that are written by hand. Whether there is such a column, and of
//! which type it is, the compiler checks where the name is taken; walking Diesel's own column would quote and copy its
//! name each time that a query runs.

use diesel::{backend::Backend, prelude::*, query_builder::AstPass};

use super::schema;

/// A table of the schema with its name as a constant: Diesel does not tell it.
#[diagnostic::on_unimplemented(
    message = "the name of `{Self}` is not known",
    note = "add the table to the list in src/db/column.rs"
)]
pub trait NamedTable: Table {
    /// The table's name in the database, such as `dogs`.
    const NAME: &'static str;
}

macro_rules! named {
    ($($table:ident)*) => {$(
        impl NamedTable for schema::$table::table {
            const NAME: &'static str = stringify!($table);
        }
    )*};
}

named!(
    api_keys books changes dog_co_owners dogs idempotency_keys login_failures mail_counts mails owners profiles sessions tasks users
);

/// A column as SQL names it, with its table, such as `dogs.id`: made from Diesel's column, so that the compiler checks
/// it, for expressions that write their own SQL.
#[derive(Clone, Copy, Debug)]
pub struct ColumnName {
    /// The name of the column's table.
    pub table: &'static str,
    /// The name of the column.
    pub column: &'static str,
}

impl ColumnName {
    /// The name of a column of [`schema`], such as `dogs::id`.
    #[must_use]
    pub const fn of<C>(_: C) -> Self
    where
        C: Column<Table: NamedTable> + Copy,
    {
        Self { table: <C::Table as NamedTable>::NAME, column: C::NAME }
    }

    /// Writes the name into the SQL of a query, with its table.
    pub fn write<DB: Backend>(self, out: &mut AstPass<'_, '_, DB>) {
        out.push_sql(self.table);
        out.push_sql(".");
        out.push_sql(self.column);
    }
}

/// The columns that the tables of lists have in common, for the filters that every list has
/// ([`Wanted`](crate::wire::Wanted)).
#[derive(Clone, Copy, Debug)]
pub struct CommonColumns {
    /// The column of the id.
    pub id: ColumnName,
    /// The column of the time when a row was made.
    pub created_at: ColumnName,
    /// The column of the time when a row was changed last; `None` if the list does not show it.
    pub updated_at: Option<ColumnName>,
    /// The column of the search key of a row's name: the name without accents and letter case
    /// ([`search_key`](crate::db::search_key())), in which the filter `q`
    /// ([`Wanted::named`](crate::wire::Wanted::named)) finds its text, so spelled, at any place; `None` if the list is
    /// not searched by name.
    pub name_key: Option<ColumnName>,
}

macro_rules! common {
    ($table:ident $($optional:ident)*) => {
        CommonColumns {
            $($optional: Some(ColumnName::of(schema::$table::$optional)),)*
            ..CommonColumns::always(ColumnName::of(schema::$table::id), ColumnName::of(schema::$table::created_at))
        }
    };
}

impl CommonColumns {
    /// The common columns of the table `dogs`.
    pub const DOGS: Self = common!(dogs updated_at name_key);
    /// The common columns of the table `owners`.
    pub const OWNERS: Self = common!(owners updated_at name_key);
    /// The common columns of the table `tasks`.
    pub const TASKS: Self = common!(tasks updated_at name_key);
    /// The common columns of the table `sessions`, which has no names and no time of change.
    pub const SESSIONS: Self = common!(sessions);
    /// The common columns of the table `api_keys`, whose list is not searched by name and has no time of change.
    pub const API_KEYS: Self = common!(api_keys);

    /// The columns that every list has.
    const fn always(id: ColumnName, created_at: ColumnName) -> Self {
        Self { id, created_at, updated_at: None, name_key: None }
    }
}

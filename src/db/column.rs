//! Columns by their names, for the expressions of our own that write SQL. Whether there is such a column, and of which
//! type it is, the compiler checks where the name is taken; walking Diesel's own column would quote and copy its name
//! each time that a query runs.

use diesel::{backend::Backend, prelude::*, query_builder::AstPass};

use super::schema;

/// A table with its name, which Diesel keeps to itself.
#[diagnostic::on_unimplemented(
    message = "the name of `{Self}` is not known",
    note = "add the table to the list in src/db/column.rs"
)]
pub trait NamedTable: Table {
    /// The table's name in the database.
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
    api_keys dog_co_owners dogs idempotency_keys login_failures mail_counts mails owners profiles sessions tasks users
);

/// A column as SQL names it, with its table: `dogs.id`.
#[derive(Clone, Copy, Debug)]
pub struct ColumnName {
    /// The name of the table.
    pub table: &'static str,
    /// The name of the column in it.
    pub column: &'static str,
}

impl ColumnName {
    /// The name of a column of `schema`.
    #[must_use]
    pub const fn of<C>(_: C) -> Self
    where
        C: Column<Table: NamedTable> + Copy,
    {
        Self { table: <C::Table as NamedTable>::NAME, column: C::NAME }
    }

    /// Writes the name into a query.
    pub fn write<DB: Backend>(self, out: &mut AstPass<'_, '_, DB>) {
        out.push_sql(self.table);
        out.push_sql(".");
        out.push_sql(self.column);
    }
}

/// The columns that tables have in common, by which the rows of any list are found.
#[derive(Clone, Copy, Debug)]
pub struct CommonColumns {
    /// The id.
    pub id: ColumnName,
    /// The time when a row was made.
    pub created_at: ColumnName,
    /// The time when a row was changed, if that is shown.
    pub updated_at: Option<ColumnName>,
    /// The search key of a row's name, if it has one.
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
    /// The columns of `dogs`.
    pub const DOGS: Self = common!(dogs updated_at name_key);
    /// The columns of `owners`.
    pub const OWNERS: Self = common!(owners updated_at name_key);
    /// The columns of `tasks`.
    pub const TASKS: Self = common!(tasks updated_at name_key);
    /// The columns of `sessions`.
    pub const SESSIONS: Self = common!(sessions);
    /// The columns of `api_keys`.
    pub const API_KEYS: Self = common!(api_keys);

    /// The columns that every list has.
    const fn always(id: ColumnName, created_at: ColumnName) -> Self {
        Self { id, created_at, updated_at: None, name_key: None }
    }
}

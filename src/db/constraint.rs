//! The constraint that a statement broke. PostgreSQL names it; SQLite names the columns of a broken UNIQUE,
//! the name of a broken CHECK, and nothing for a foreign key. Both become one name here:
//! the migrations call a UNIQUE over columns `a, b` of table `t` `t_a_b_unique`.

use diesel::result::{DatabaseErrorKind, Error};

use super::error::lost_a_race;
use crate::problem::Problem;

/// The constraint that a statement broke, as far as the database names it, for [`OnConstraint::on_constraint`].
#[derive(Debug, PartialEq, Eq)]
pub enum Broken {
    /// A UNIQUE constraint, by its name, which the migrations make of table and columns: `users_username_key_unique`.
    Unique(String),
    /// A FOREIGN KEY. Which one SQLite does not say.
    ForeignKey,
}

impl Broken {
    /// The constraint that `error` names, if it is one that a caller can break, and not a lost race.
    fn by(error: &Error) -> Option<Self> {
        let Error::DatabaseError(kind, information) = error else { return None };
        if lost_a_race(error) {
            return None;
        }
        match kind {
            DatabaseErrorKind::ForeignKeyViolation => Some(Self::ForeignKey),
            DatabaseErrorKind::UniqueViolation => {
                let name = information.constraint_name().map(str::to_owned);
                Some(Self::Unique(name.or_else(|| named_by_columns(information.message()))?))
            }
            _ => None,
        }
    }
}

/// The name of a constraint from SQLite's message: `UNIQUE constraint failed: users.username_key` becomes
/// `users_username_key_unique`.
fn named_by_columns(message: &str) -> Option<String> {
    let columns = message.strip_prefix("UNIQUE constraint failed: ")?;
    let mut name = String::new();
    for (position, column) in columns.split(", ").enumerate() {
        let (table, column) = column.split_once('.')?;
        if position == 0 {
            name.push_str(table);
        }
        name.push('_');
        name.push_str(column);
    }
    name.push_str("_unique");
    Some(name)
}

/// Extends the result of a query (`QueryResult`), so that a broken constraint can become a problem that the caller can
/// mend, such as `username-taken`.
pub trait OnConstraint<T> {
    /// Turns a broken constraint into the problem that `explain` returns; any other failure, and a constraint without
    /// an explanation, becomes the problem of the database's error.
    ///
    /// # Errors
    /// The problem of `explain`; otherwise `unavailable`, `overloaded` or `internal-error`, as the database's error is
    /// ([`Conn`](crate::db::Conn)).
    fn on_constraint(self, explain: impl FnOnce(&Broken) -> Option<Problem>) -> Result<T, Problem>;
}

impl<T> OnConstraint<T> for Result<T, Error> {
    fn on_constraint(self, explain: impl FnOnce(&Broken) -> Option<Problem>) -> Result<T, Problem> {
        self.map_err(|error| Broken::by(&error).as_ref().and_then(explain).unwrap_or_else(|| error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::named_by_columns;

    #[test]
    fn a_unique_constraint_of_sqlite_gets_the_name_that_postgresql_gives_it() {
        let name = named_by_columns("UNIQUE constraint failed: users.email_key");
        assert_eq!(name.as_deref(), Some("users_email_key_unique"));
        let name = named_by_columns("UNIQUE constraint failed: owners.user_id, owners.id");
        assert_eq!(name.as_deref(), Some("owners_user_id_id_unique"));
        assert_eq!(named_by_columns("disk I/O error"), None);
    }
}

//! The declaration of a body's fields that hold ids of other rows. Whether there are such rows is looked up in `body`.

use crate::{db::Conn, ids::UserId, problem::Problem};

/// A field of a body that holds the id of another row of the user's, or a list of them, with the query that tells which
/// of them there are.
pub struct Reference {
    /// The field's name in the body.
    pub field: &'static str,
    /// The query for those of the ids that the user has.
    pub find: Find,
    /// The detail, for people, of the error for an id that the user does not have.
    pub absent: &'static str,
}

/// A query that returns those of some ids that a user has rows with, in any order. Fails with the database's errors
/// ([`Conn`]).
pub type Find = fn(&mut Conn, UserId, Vec<i64>) -> Result<Vec<i64>, Problem>;

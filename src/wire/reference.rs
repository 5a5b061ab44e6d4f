//! The fields of a body that name other rows, as a body declares them. Whether there are such rows is asked in `body`.

use crate::{db::Conn, ids::UserId, problem::Problem};

/// A field with the id of a row, or with a list of them.
pub struct Reference {
    pub field: &'static str,
    /// The query for the ids that the user has.
    pub find: Find,
    /// The detail of the error for an id that the user does not have.
    pub absent: &'static str,
}

/// A query for those of some ids that a user has.
pub type Find = fn(&mut Conn, UserId, Vec<i64>) -> Result<Vec<i64>, Problem>;

//! Dogs with their owners, as `?expand=` asks for.

use std::collections::{BTreeSet, HashMap};

use super::{repo::DogRow, wire::Expand};
use crate::{
    db::Conn,
    ids::{OwnerId, UserId},
    owners::{OwnerRow, Owners},
    problem::Problem,
};

/// A dog, with those of its owners that the parameter `expand` asked for.
pub struct ExpandedDog {
    /// The dog itself.
    pub row: DogRow,
    /// The primary owner; `None` if not asked for.
    pub owner: Option<OwnerRow>,
    /// The co-owners by id; `None` if not asked for.
    pub co_owners: Option<Vec<OwnerRow>>,
}

/// Adds to dogs the owners that `expand` asks for, found by one query for all of them.
///
/// # Errors
/// `internal-error`, when an owner is not there: the dogs were read at another moment (use [`Db::snapshot`]); the
/// database's errors ([`Conn`]).
///
/// [`Db::snapshot`]: crate::db::Db::snapshot
pub fn expand(conn: &mut Conn, user: UserId, rows: Vec<DogRow>, expand: Expand) -> Result<Vec<ExpandedDog>, Problem> {
    let mut ids = BTreeSet::new();
    for row in &rows {
        ids.extend(expand.owner.then_some(row.owner_id));
        ids.extend(row.co_owner_ids.0.iter().copied().filter(|_| expand.co_owners));
    }
    let owners = if ids.is_empty() { Vec::new() } else { Owners::of(user).those(conn, &ids)? };
    let owners: HashMap<OwnerId, OwnerRow> = owners.into_iter().map(|owner| (owner.id, owner)).collect();
    let find = |id: OwnerId| {
        owners.get(&id).cloned().ok_or_else(|| Problem::internal("a dog was read at another moment than its owners"))
    };
    let expand_one = |row: DogRow| {
        let owner = expand.owner.then(|| find(row.owner_id)).transpose()?;
        let co_owners = expand.co_owners.then(|| row.co_owner_ids.0.iter().copied().map(find).collect()).transpose()?;
        Ok(ExpandedDog { row, owner, co_owners })
    };
    rows.into_iter().map(expand_one).collect()
}

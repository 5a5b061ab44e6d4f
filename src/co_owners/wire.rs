//! What the list of co-owners can be asked.

use crate::{
    db::keyset::Sort,
    owners::{OwnerRow, SORTS},
    wire::{FromQuery, List, Query},
};

/// All co-owners of a dog.
pub struct CoOwnerFilter;

impl FromQuery for CoOwnerFilter {
    fn from_query(_: &mut Query<'_>) -> Self {
        Self
    }
}

impl List for CoOwnerFilter {
    type Row = OwnerRow;
    /// By id only.
    const SORTS: &'static [Sort<OwnerRow>] = SORTS.split_at(1).0;
}

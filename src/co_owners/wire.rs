//! What the list of co-owners can be asked.

use crate::{
    lists::{List, Sort},
    owners::{OwnerRow, SORTS},
    wire::{FromQuery, Query, Wanted},
};

/// Which co-owners of a dog are listed.
pub struct CoOwnerFilter {
    pub wanted: Wanted,
}

impl FromQuery for CoOwnerFilter {
    fn from_query(query: &mut Query<'_>) -> Self {
        Self { wanted: Wanted::changed(query) }
    }
}

impl List for CoOwnerFilter {
    type Row = OwnerRow;
    /// By id only.
    const SORTS: &'static [Sort<OwnerRow>] = SORTS.split_at(1).0;
}

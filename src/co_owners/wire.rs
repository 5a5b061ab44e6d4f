//! The query of the list of co-owners.

use crate::{
    lists::{List, Sort},
    owners::{OwnerRow, SORTS},
    wire::{FromQuery, Query, Wanted},
};

/// The filter of a dog's co-owners.
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
    /// The id only.
    const SORTS: &'static [Sort<OwnerRow>] = SORTS.split_at(1).0;
}

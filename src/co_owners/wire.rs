//! The query of the list of co-owners.

use crate::{
    lists::{List, Sort},
    owners::{OwnerRow, SORTS},
    wire::{FromQuery, Query, Wanted},
};

/// The filters that the query of `GET /dogowner/dogs/{dog_id}/co-owners` can have.
pub struct CoOwnerFilter {
    /// The filters by id and times, as [`Wanted::changed`] reads them.
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

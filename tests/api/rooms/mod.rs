//! What each resource does of its own: its fields, its lists, and what becomes of its rows.

pub mod book_limits;
pub mod changes;
pub mod co_owner_ids;
pub mod co_owners;
pub mod dogs;
pub mod expand;
pub mod export;
pub mod hidden_dogs;
pub mod import;
pub mod owners;
pub mod profiles;
pub mod public;
pub mod public_lists;
pub mod stream;
pub mod tasks;
pub mod undo;

crate::support::gather![
    book_limits,
    changes,
    co_owner_ids,
    co_owners,
    dogs,
    expand,
    export,
    hidden_dogs,
    import,
    owners,
    profiles,
    public,
    public_lists,
    stream,
    tasks,
    undo
];

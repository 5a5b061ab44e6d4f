//! Writes: many at once, very large ones, ones that are cut off, and texts that cannot be seen.

pub mod batched_deletion;
pub mod change_order;
pub mod group_commit;
pub mod idempotency_under_kill;
pub mod invisible_characters;
pub mod model;
pub mod write_races;

crate::support::gather![
    batched_deletion,
    change_order,
    group_commit,
    idempotency_under_kill,
    invisible_characters,
    model,
    write_races
];

//! Lists: pages, cursors, order, search and filters, whichever list it is.

pub mod cursors;
pub mod filters;
pub mod paging;
pub mod paging_under_writes;
pub mod search;
pub mod sorting;

crate::support::gather![cursors, filters, paging, paging_under_writes, search, sorting];

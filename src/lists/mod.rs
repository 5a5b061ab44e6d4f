//! Lists, a page at a time. A room's list is one line: its [`List`] says which rows it has and how they can be sorted
//! and filtered, [`ListRequest`] reads the request, [`ListQuery::page`] finds the rows, [`PageResponse`] sends them.
//!
//! # Why pages are found by key and not by offset
//!
//! `LIMIT 50 OFFSET 5000` reads 5,050 rows to send 50, so the hundredth page costs a hundred times the first. Worse, an
//! offset counts rows that others insert and delete meanwhile: a reader skips some and sees others twice. Here a page
//! begins *after the last row that the reader has seen*, which is named by the values that the list is sorted by
//! (keyset paging, or the seek method: Markus Winand, *SQL Performance Explained*, "Paging Through Results", and
//! <https://use-the-index-luke.com/no-offset>). An index leads there at once, and it does not matter what became of the
//! rows before.
//!
//! For that the order must be total: the last key is always the id, and before it may come a *tie breaker*, where many
//! rows have one value in common. What follows a row in the order `(a, b, id)` is, as SQL has it since 1992,
//! `(a, b, id) > (?, ?, ?)`. PostgreSQL makes one range of an index of that. On SQLite the same rows are found by up to
//! three queries, each with one range: those with the same `a` and `b` and a greater id, then those with the same `a`
//! and a greater `b`, then those with a greater `a` (`seek`).
//!
//! # Cursors
//!
//! The keys of the last row travel in the `Link` to the next page (RFC 8288), signed and bound to the list with its
//! sort and filters (`cursor`): with another sort they would mean another row, and the reader would lose rows without a
//! word. They name a row and not a position, so a cursor stays good for as long as the reader likes.
//!
//! Deliberately absent: a jump to page 37, and the number of pages. `count=true` counts, and costs what counting costs.

mod cursor;
mod order;
mod page;
mod request;
mod response;
mod seek;

pub use self::{
    order::{Order, Sort, SortKey},
    page::Page,
    request::{
        CanonicalPath, DEFAULT_LIMIT, List, ListQuery, ListRequest, MOST as MOST_ROWS, read_limit, weight_of_rows,
    },
    response::PageResponse,
};

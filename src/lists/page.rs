//! The search for a page of a list: a module of a resource brings the query, and here the place where the page begins,
//! its order and its limit are added to it.

use diesel::{
    dsl::{CountStar, Filter, Limit, Order as OrderedBy, Select},
    prelude::*,
    query_dsl::{
        LoadQuery,
        methods::{FilterDsl, LimitDsl, OrderDsl, SelectDsl},
    },
    sqlite::Sqlite,
};

use super::{
    List, ListQuery,
    order::SortKey,
    seek::{OrderBy, SeekPredicate},
};
use crate::{
    db::{Conn, columns, rows},
    problem::Problem,
};

/// A page of a list as [`ListQuery::page`] found it, and where the next one begins.
pub struct Page<Row> {
    /// The rows in their order: as many as the limit of the query, or fewer.
    pub rows: Vec<Row>,
    /// The sort keys of the last row, after which the next page begins; `None` on the last page.
    pub next: Option<Vec<SortKey>>,
    /// The number of rows on all pages; `None`, if the query does not ask for it.
    pub total: Option<i64>,
    /// Whether far more rows were looked at than a page has; the request then takes
    /// [`MANY_ROWS`](crate::wire::MANY_ROWS) more units of its caller's quota afterwards.
    pub was_much_work: bool,
}

impl<Row> Page<Row> {
    /// Turns the rows of the page into others, all at once: as many, and in the same order.
    ///
    /// # Errors
    /// The errors of `make`, and no others.
    pub fn try_map<Other>(
        self,
        make: impl FnOnce(Vec<Row>) -> Result<Vec<Other>, Problem>,
    ) -> Result<Page<Other>, Problem> {
        let Self { rows, next, total, was_much_work } = self;
        Ok(Page { rows: make(rows)?, next, total, was_much_work })
    }
}

impl<L: List> ListQuery<L> {
    /// Finds the page among the rows of a query, which `query` makes once for each time that it runs; and counts them
    /// all, if that was asked.
    ///
    /// In the order of an index, what follows a row are first those that share all its keys but the last, then those
    /// that share one key less, and so on: for each the query runs once, until there is enough. So each run has its
    /// keys fixed but for one, and that one is a range of the index; a comparison of all of them at once is not, in
    /// SQLite; in PostgreSQL it is. Any other order the database has to make itself, in one query.
    ///
    /// The bounds say what the body does: the query takes a filter, an order, a limit and a row's columns, and then
    /// runs on both databases; so does its count.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn page<'a, Query>(&'a self, conn: &mut Conn, query: impl Fn() -> Query) -> Result<Page<L::Row>, Problem>
    where
        L::Row: Selectable<Sqlite>,
        Query: SelectDsl<CountStar> + FilterDsl<SeekPredicate<'a, L::Row>>,
        Select<Query, CountStar>: LoadQuery<'a, SqliteConnection, i64> + LoadQuery<'a, PgConnection, i64>,
        Following<'a, Query, L::Row>: OrderDsl<OrderBy<'a, L::Row>>,
        Ordered<'a, Query, L::Row>: LimitDsl,
        FirstRows<'a, Query, L::Row>: SelectDsl<<L::Row as Selectable<Sqlite>>::SelectExpression>,
        PageOf<'a, Query, L::Row>: LoadQuery<'a, SqliteConnection, L::Row> + LoadQuery<'a, PgConnection, L::Row>,
    {
        let total = self.count.then(|| conn.one(SelectDsl::select(query(), diesel::dsl::count_star()))).transpose()?;
        let wanted = self.limit + 1;
        let mut found = Vec::new();
        for shared in (0..self.steps()).rev() {
            let missing = wanted - found.len();
            if missing == 0 {
                break;
            }
            let after = self.after.as_deref();
            let predicate = SeekPredicate { order: &self.order, compares_rows: self.compares_rows, after, shared };
            let following = FilterDsl::filter(query(), predicate);
            let ordered = OrderDsl::order(following, OrderBy { order: &self.order, shared });
            let limited = LimitDsl::limit(ordered, rows(missing));
            found.append(&mut conn.load(SelectDsl::select(limited, columns::<L::Row>()))?);
        }
        Ok(Page { total, ..self.found(found) })
    }

    /// How many queries there may be.
    pub(super) fn steps(&self) -> usize {
        let is_apart = self.after.is_some() && self.order.by_index && !self.compares_rows;
        if is_apart { self.order.terms.len() } else { 1 }
    }

    /// The page made of `rows` that a module has found by a query of its own: the first that follow the page before,
    /// one more than the page has if there are as many, which tells that there is a next page.
    #[must_use]
    pub fn found(&self, mut rows: Vec<L::Row>) -> Page<L::Row> {
        let has_next = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = rows.last().filter(|_| has_next).map(|row| self.order.keys(row));
        Page { rows, next, total: None, was_much_work: false }
    }

    /// The id of the last row before the page, for a list that is sorted by id alone; 0 on the first page.
    #[must_use]
    pub fn after_id(&self) -> i64 {
        match self.after.as_deref() {
            Some([SortKey::Id(id)]) => *id,
            _ => 0,
        }
    }
}

/// The rows of a query that follow those of the pages before.
type Following<'a, Query, Row> = Filter<Query, SeekPredicate<'a, Row>>;
/// The query with its order.
type Ordered<'a, Query, Row> = OrderedBy<Following<'a, Query, Row>, OrderBy<'a, Row>>;
/// The query with its order and its limit.
type FirstRows<'a, Query, Row> = Limit<Ordered<'a, Query, Row>>;
/// The columns of these rows: what is loaded.
type PageOf<'a, Query, Row> = Select<FirstRows<'a, Query, Row>, <Row as Selectable<Sqlite>>::SelectExpression>;

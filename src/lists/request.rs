//! The request of a list: `sort`, `limit`, `cursor` and `count`, and the filters of its [`List`]. The rows are found in
//! `page`; the response is in `response`.

use std::{
    borrow::Cow,
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::HeaderValue, web::Data};

use super::{
    cursor::{Cursor, foreign_cursor},
    order::{ID, Order, Sort, SortKey},
    page::Page,
    response::PageResponse,
};
use crate::{
    crypto::{keys::Keys, signer::Signer},
    db::{Conn, Db},
    limits::Limits,
    problem::Problem,
    wire::query::{FromQuery, MANY_ROWS, MOST_IDS, Query, Refusal, listed},
};

/// The rows of a page whose request names no limit.
pub const DEFAULT_LIMIT: usize = 50;
/// The most rows of a page of any list: 200. A greater `limit` is not refused, but taken for this one; a list of large
/// rows may have fewer ([`List::most`]).
pub const MOST: usize = 200;
/// The bytes of a parameter, as a link spells it, above which it is carried in the cursor, in a third of the room.
const LONG: usize = 256;
/// The most bytes of a link with ids in it, so that the head stays below 4 KiB: a hundred of them may be as long as all
/// else.
const LONGEST_LINK: usize = 2_900;

/// A list that is read in pages; the implementing type holds the filters of its query. A handler takes a
/// [`ListRequest`] of it.
pub trait List: FromQuery + Send + Sync + 'static {
    /// The row as it comes from the database, by which the list is sorted.
    type Row: 'static;
    /// The keys that the list can be sorted by. The first is the id, by which it is sorted by default; where it is the
    /// only one, the parameter `sort` is refused as an unknown one.
    const SORTS: &'static [Sort<Self::Row>];
    /// Whether the parameter `count` is known; otherwise it is refused with `validation-failed`, as an unknown one. Not
    /// where the number of rows has no limit, as to count them would take long.
    const COUNTS: bool = true;

    /// The most rows of a page: 200, or fewer where a row is large. A greater `limit` is taken for this one.
    fn most(&self) -> usize {
        MOST
    }

    /// Whether a page takes several queries that have to see the same moment ([`Db::snapshot`]).
    fn needs_snapshot(&self) -> bool {
        false
    }
}

/// The query of a list, read and found acceptable: which rows, in which order, after which one, how many, and whether
/// to count them all. [`ListQuery::page`] finds the rows.
pub struct ListQuery<L: List> {
    /// The filters of the list.
    pub filter: L,
    /// The order of the rows; its last key is the id.
    pub order: Order<L::Row>,
    /// Whether the database finds `(a, b) > (?, ?)` by one range of an index, as PostgreSQL does; otherwise a page
    /// takes up to a query for each key.
    pub compares_rows: bool,
    /// The sort keys of the last row before the page, one for each key of the order; `None` for the first page.
    pub after: Option<Vec<SortKey>>,
    /// The most rows of the page, 1 to 200: the parameter `limit`, cut to [`List::most`].
    pub limit: usize,
    /// Whether the rows on all pages are counted (`count=true`).
    pub count: bool,
}

impl<L: List> ListQuery<L> {
    /// The query for the next 200 of all rows, in the order of their ids, after the row with the sort keys `after`
    /// ([`Page::next`]), or with `None` from the first: with it the export reads a list to its end.
    #[must_use]
    pub fn all_after(after: Option<Vec<SortKey>>) -> Self
    where
        L: Default,
    {
        let order = Order::usual(L::SORTS);
        Self { filter: L::default(), order, compares_rows: false, after, limit: MOST, count: false }
    }

    /// Whether rows, their count and their expansions are read by several queries, which have to see the same moment.
    fn needs_snapshot(&self) -> bool {
        self.count || self.steps() > 1 || self.filter.needs_snapshot()
    }
}

/// The first path of a resource that has several, which its cursors and idempotency keys are bound to. The route table
/// puts it into the app data of the resource.
#[derive(Clone)]
pub struct CanonicalPath(
    /// The path with the area's prefix, such as `/dogowner/dogs`.
    pub String,
);

impl CanonicalPath {
    /// The canonical path of a request's resource, such as `/dogowner/dogs` for a request to `/dogowner/dog`, or the
    /// request's own path where the resource has only one.
    #[must_use]
    pub fn of(request: &HttpRequest) -> &str {
        request.app_data::<Self>().map_or_else(|| request.match_info().as_str(), |path| &path.0)
    }
}

/// The extractor of a request for a list, the only reader of its query: `sort`, `limit` (50 without one, or 100 with
/// `id`; more than a page may have is cut to that), `cursor` and `count`, and the filters of `L`. Refuses unknown
/// parameters and wrong values with `validation-failed`, which lists them all. [`ListRequest::read`] finds the page.
pub struct ListRequest<L: List> {
    query: Arc<ListQuery<L>>,
    request: HttpRequest,
    /// Parameters that came in the cursor.
    carried: Vec<(String, String)>,
    /// Whether the query names rows by their ids.
    names_rows: bool,
}

impl<L: List> FromRequest for ListRequest<L> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

impl<L: List> ListRequest<L> {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let mut query = Query::of(request);
        let cursor = query.take("cursor", |text| {
            let signer = cursor_key(request).ok_or_else(foreign_cursor)?;
            Cursor::read(signer, |carried| bound_to(request, &not_given(request, carried.to_vec())), text)
        });
        let (after, carried) = cursor.map_or((None, Vec::new()), |cursor| (Some(cursor.keys), cursor.carried));
        // A parameter that the query has, too, need not be taken from the cursor.
        let carried = not_given(request, carried);
        query.give(&carried);
        let limit = query.take("limit", read_limit);
        let sorted = if L::SORTS.len() > 1 { query.take("sort", |text| Order::parse(L::SORTS, text)) } else { None };
        let is_sorted = sorted.is_some();
        let order = sorted.unwrap_or_else(|| Order::usual(L::SORTS));
        if after.as_ref().is_some_and(|keys| keys.len() != order.terms.len()) {
            query.refuse("cursor", foreign_cursor());
        }
        let count = L::COUNTS && query.flag("count").unwrap_or(false);
        let before = query.filters;
        let filter = L::from_query(&mut query);
        // There is no index for every order, nor for each filter together with each order.
        let filters = query.filters - before;
        let is_looked_through =
            !order.by_index || filters > 1 || (filters == 1 && is_sorted) || query.is_looked_through;
        query.add_weight([count, is_looked_through].into_iter().filter(|is| *is).map(|_| MANY_ROWS).sum());
        query.add_weight(limit.map_or(0, weight_of_rows));
        // A query for rows by their ids wants all of them.
        let names_rows = query.names_rows;
        query.end()?;
        let limit = limit.unwrap_or(if names_rows { MOST_IDS } else { DEFAULT_LIMIT }).min(filter.most());
        let compares_rows = request.app_data::<Data<Db>>().is_some_and(|db| db.compares_rows());
        let query = ListQuery { filter, order, compares_rows, after, limit, count };
        Ok(Self { query: Arc::new(query), request: request.clone(), carried, names_rows })
    }

    /// Finds the page with `job`, which gets the query that the request has ([`ListQuery`]), in a snapshot if that
    /// takes several queries, and turns each row `R` into its form `T` in the response.
    ///
    /// # Errors
    /// The errors of `job`; `overloaded`, `too-many-requests` or `unavailable`, as [`Db::read`]; `validation-failed` at
    /// `id`, when the ids make the link to the next page too long.
    pub async fn read<R, T, F>(self, db: &Db, job: F) -> Result<PageResponse<T>, Problem>
    where
        R: Send + 'static,
        T: From<R>,
        F: Fn(&mut Conn, &ListQuery<L>) -> Result<Page<R>, Problem> + Send + Sync + 'static,
    {
        let query = Arc::clone(&self.query);
        let job = move |conn: &mut Conn| job(conn, &query);
        let found = if self.query.needs_snapshot() { db.snapshot(job).await? } else { db.read(job).await? };
        if found.was_much_work {
            // The work is done; a caller with too little quota left is refused at the next request.
            drop(Limits::of(&self.request)?.weigh(&self.request, MANY_ROWS));
        }
        let next = found.next.map(|keys| self.next(keys)).transpose()?;
        Ok(PageResponse { rows: found.rows.into_iter().map(T::from).collect(), next, total: found.total })
    }

    /// The `Link` to the page after the row with these keys: the request's own parameters, and a cursor.
    fn next(&self, keys: Vec<SortKey>) -> Result<HeaderValue, Problem> {
        let mut link = format!("<{}?", CanonicalPath::of(&self.request));
        let (mut query, mut carried) = (String::new(), Vec::new());
        for (name, value) in parameters(&self.request, &self.carried) {
            if ["limit", "cursor"].contains(&name.as_ref()) {
                continue;
            }
            let before = query.len();
            query = form_urlencoded::Serializer::new(query).append_pair(&name, &value).finish();
            if query.len() - before > LONG {
                query.truncate(before);
                carried.push((name.into_owned(), value.into_owned()));
            }
        }
        let key = cursor_key(&self.request).ok_or_else(|| Problem::internal("no keys in the app"))?;
        let cursor = Cursor { keys, carried }.write(key, &bound_to(&self.request, &self.carried));
        let mut query = form_urlencoded::Serializer::new(query);
        query.append_pair("limit", &self.query.limit.to_string());
        query.append_pair("cursor", &cursor.map_err(Problem::internal)?);
        link.push_str(&query.finish());
        link.push_str(">; rel=\"next\"");
        if self.names_rows && link.len() > LONGEST_LINK {
            let detail = "These are too many for a link to the next page. Ask for them on one page, without limit.";
            return Err(Problem::parameter(ID, "too_long", detail));
        }
        HeaderValue::try_from(link).map_err(Problem::internal)
    }
}

/// The parameters of a request, in its query and in its cursor, with each list joined.
fn parameters<'a>(request: &'a HttpRequest, carried: &'a [(String, String)]) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    let given = form_urlencoded::parse(request.query_string().as_bytes());
    listed(given.chain(carried.iter().map(|(name, value)| (Cow::from(name), Cow::from(value)))))
}

/// The parameters that a cursor carries and the query does not have itself. A client may build its own query, and take
/// the cursor only.
fn not_given(request: &HttpRequest, mut carried: Vec<(String, String)>) -> Vec<(String, String)> {
    if !carried.is_empty() {
        let given = listed(form_urlencoded::parse(request.query_string().as_bytes()));
        carried.retain(|(name, value)| !given.iter().any(|(known, text)| known == name && text == value));
    }
    carried
}

/// The text that binds a cursor to its list, sort and filters.
fn bound_to(request: &HttpRequest, carried: &[(String, String)]) -> String {
    let mut given: Vec<_> = parameters(request, carried)
        .into_iter()
        .filter(|(name, _)| !["limit", "cursor", "count", "expand"].contains(&name.as_ref()))
        .collect();
    // Neither the order of ids nor a repeated one matters.
    for (_, ids) in given.iter_mut().filter(|(name, _)| name == ID) {
        let mut each: Vec<_> = ids.split(',').collect();
        each.sort_unstable();
        each.dedup();
        *ids = each.join(",").into();
    }
    given.sort_unstable();
    format!(
        "{}?{}",
        CanonicalPath::of(request),
        form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish()
    )
}

fn cursor_key(request: &HttpRequest) -> Option<&Signer> {
    request.app_data::<Data<Keys>>().map(|keys| &keys.cursors)
}

/// The weight that a page adds to its request: 1 for each 50 rows beyond the first 50.
#[must_use]
pub fn weight_of_rows(limit: usize) -> u32 {
    u32::try_from((limit.min(MOST) - 1) / DEFAULT_LIMIT).unwrap_or(0)
}

/// Reads a limit, a whole number from 1; more than a page holds counts as a full page.
pub fn read_limit(text: &str) -> Result<usize, Refusal> {
    if text.is_empty() || !text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(("type", "A limit is a whole number from 1.".into()));
    }
    let number = text.parse::<usize>();
    if text.starts_with('-') || number == Ok(0) {
        return Err(("too_small", "A limit is a whole number from 1.".into()));
    }
    Ok(number.unwrap_or(MOST).min(MOST))
}

#[cfg(test)]
mod tests {
    use super::read_limit;

    #[test]
    fn a_limit_is_at_least_one_and_at_most_a_full_page() {
        assert_eq!(read_limit("1"), Ok(1));
        assert_eq!(read_limit("201"), Ok(200));
        assert_eq!(read_limit("99999999999999999999999"), Ok(200));
        for wrong in ["0", "-1", "-99999999999999999999999", "00"] {
            assert_eq!(read_limit(wrong).expect_err(wrong).0, "too_small");
        }
        for wrong in ["", "+1", "1.5", "1e3", "ten", " 1", "--1"] {
            assert!(read_limit(wrong).is_err(), "{wrong}");
        }
    }
}

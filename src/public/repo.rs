//! Queries about what all callers may see: the pages and dogs of users who have a profile. Whether a dog is public its
//! user's row says (`is_public`), and none of its own.

use chrono::NaiveDate;
use diesel::{
    backend::Backend,
    dsl::{Eq, auto_type},
    prelude::*,
    query_builder::{AstPass, QueryFragment},
    serialize::ToSql,
    sql_types::{BigInt, HasSqlType, Nullable, Text},
    sqlite::Sqlite,
};

use super::wire::PublicFilter;
use crate::{
    co_owners::IdList,
    db::{
        Conn,
        column::CommonColumns,
        columns,
        expression::{AnyOf, Unindexed, expression},
        rows,
        schema::{dogs, profiles, users},
        timestamp::Timestamp,
    },
    ids::{Dog, DogId, UserId},
    lists::{ListQuery, Page, Sort, SortKey},
    problem::{Kind, Problem},
    users::UsernameKey,
};

/// A user with a profile, as the public may see it.
pub struct PublicProfileRow {
    /// The username, as it was typed.
    pub username: String,
    /// The profile's text.
    pub description: String,
    /// The number of the user's dogs.
    pub dogs_count: i64,
    /// The time when the profile was made.
    pub created_at: Timestamp,
}

/// A dog of a user with a profile, as the public may see it: without its owners.
#[derive(Queryable, Selectable)]
#[diesel(table_name = dogs, check_for_backend(Sqlite))]
pub struct PublicDogRow {
    /// The dog's id.
    pub id: DogId,
    /// The dog's name.
    pub name: String,
    /// The birthday; `None` if it is not known.
    pub born_on: Option<NaiveDate>,
    /// The username of the user who looks after the dog.
    #[diesel(select_expression = users::username)]
    pub adopted_by: String,
    /// The time when the dog's row was made.
    pub created_at: Timestamp,
}

/// The keys that lists of public dogs can be sorted by: the id alone.
pub const SORTS: &[Sort<PublicDogRow>] = &[Sort::id(dogs::id, |row| row.id.get())];

/// Every dog that is public, with its user.
#[auto_type]
fn public_dogs() -> _ {
    let of_user: Eq<users::id, dogs::user_id> = users::id.eq(dogs::user_id);
    dogs::table.inner_join(users::table.on(of_user)).filter(users::is_public)
}

/// Every public dog with its user, found by the dogs' ids: no planner begins with the users.
#[auto_type]
fn public_dogs_by_id() -> _ {
    let of_user: Eq<users::id, Unindexed> = users::id.eq(Unindexed::of(dogs::user_id));
    dogs::table.inner_join(users::table.on(of_user)).filter(users::is_public)
}

/// How many ids the list of everybody's dogs is looked for in, before the users are looked at.
const WALK: i64 = 5_000;
/// How many ids of public dogs are looked at then, at most.
const LOOKED_AT: i64 = 20_000;

/// The first id of a dog after this one, as a column that is the same for each row.
struct FirstAfter(i64);

expression!(FirstAfter, Nullable<BigInt>);

impl<DB: Backend> QueryFragment<DB> for FirstAfter
where
    DB: HasSqlType<BigInt>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("(SELECT min(further.id) FROM dogs AS further WHERE further.id > ");
        out.push_bind_param::<BigInt, _>(&self.0)?;
        out.push_sql(")");
        Ok(())
    }
}

/// The ids of a user's next dogs, as a column of `users`.
struct NextIds {
    after: i64,
    most: i64,
}

expression!(NextIds, Nullable<Text>);

impl<DB: Backend> QueryFragment<DB> for NextIds
where
    DB: HasSqlType<BigInt>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(
            "(SELECT string_agg(CAST(id AS TEXT), ',') FROM (SELECT dogs.id FROM dogs \
             WHERE dogs.user_id = users.id AND dogs.id > ",
        );
        out.push_bind_param::<BigInt, _>(&self.after)?;
        out.push_sql(" ORDER BY dogs.id LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.most)?;
        out.push_sql(") AS upcoming)");
        Ok(())
    }
}

/// The public page of the user with this name.
///
/// # Errors
/// `not-found`, when there is no such user or the user has no profile; the database's errors ([`Conn`]).
pub fn show_user(conn: &mut Conn, username: &UsernameKey) -> Result<PublicProfileRow, Problem> {
    let count = dogs::table.filter(dogs::user_id.eq(users::id)).count().single_value();
    let page = users::table.inner_join(profiles::table).filter(users::username_key.eq(username.as_str())).select((
        users::username,
        profiles::description,
        profiles::created_at,
        count,
    ));
    let found: Option<(String, String, Timestamp, Option<i64>)> = conn.find(page)?;
    let (username, description, created_at, dogs_count) = found.ok_or(Kind::NotFound)?;
    Ok(PublicProfileRow { username, description, dogs_count: dogs_count.unwrap_or(0), created_at })
}

/// A page of one user's dogs that `query` filters, in the order of their ids.
///
/// # Errors
/// `not-found`, when there is no such user or the user has no profile; the database's errors ([`Conn`]).
pub fn list_dogs_of_user(
    conn: &mut Conn,
    username: &UsernameKey,
    query: &ListQuery<PublicFilter>,
) -> Result<Page<PublicDogRow>, Problem> {
    let user =
        users::table.inner_join(profiles::table).filter(users::username_key.eq(username.as_str())).select(users::id);
    let user: UserId = conn.find(user)?.ok_or(Kind::NotFound)?;
    query.page(conn, || {
        public_dogs().filter(dogs::user_id.eq(user)).filter(query.filter.wanted.of(&CommonColumns::DOGS))
    })
}

/// A page of the dogs of all users with a profile, by id, as `query` filters them. Whether a dog is public is its
/// user's matter, so no index has the public ones in their order; and hidden ones may be any number. So a few thousand
/// ids are walked, each dog's user being looked at, which fills the page nearly always. Where it does not, the next
/// dogs of each public user are merged, if these users are few. If they are many, the page is short, and leads on from
/// where the walk ended.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn list_dogs(conn: &mut Conn, query: &ListQuery<PublicFilter>) -> Result<Page<PublicDogRow>, Problem> {
    let (after, wanted) = (query.after_id(), query.limit + 1);
    if query.filter.wanted.ids().is_some() {
        let these = public_dogs_by_id().filter(query.filter.wanted.of(&CommonColumns::DOGS)).filter(dogs::id.gt(after));
        let page = these.order(dogs::id).limit(rows(wanted)).select(columns::<PublicDogRow>());
        return Ok(query.found(conn.load(page)?));
    }
    let end = after.saturating_add(WALK);
    let walk = public_dogs_by_id().filter(dogs::id.gt(after)).filter(dogs::id.le(end)).order(dogs::id);
    let walk = walk.filter(query.filter.wanted.of(&CommonColumns::DOGS));
    let walk = walk.limit(rows(wanted)).select((columns::<PublicDogRow>(), FirstAfter(end)));
    let walked: Vec<(PublicDogRow, Option<i64>)> = conn.load(walk)?;
    let further = match walked.last() {
        Some((_, further)) => *further,
        None => conn.one(diesel::select(FirstAfter(end)))?,
    };
    let mut found: Vec<_> = walked.into_iter().map(|(row, _)| row).collect();
    let Some(further) = further.filter(|_| found.len() < wanted) else { return Ok(query.found(found)) };
    // Of those that were made at some time a user's next may be any number of dogs away.
    let may_merge = query.filter.wanted.is_everything();
    let ids = if may_merge { merge(conn, further - 1, wanted - found.len())? } else { None };
    let Some(ids) = ids else {
        return Ok(Page { rows: found, next: Some(vec![SortKey::Id(further - 1)]), total: None, was_much_work: true });
    };
    let (count, last) = (ids.len(), ids.last().copied());
    let merged = public_dogs_by_id().filter(AnyOf::new(dogs::id, ids)).order(dogs::id);
    let mut merged: Vec<PublicDogRow> = conn.load(merged.select(columns::<PublicDogRow>()))?;
    // Some of them went meanwhile: a short page, which leads on from the last.
    let next = last.filter(|_| merged.len() < count).map(|last| vec![SortKey::Id(last.get())]);
    found.append(&mut merged);
    if next.is_some() {
        return Ok(Page { rows: found, next, total: None, was_much_work: true });
    }
    Ok(Page { was_much_work: true, ..query.found(found) })
}

/// The ids of the next public dogs, found by their users; none, if there are too many public users to look at each.
fn merge(conn: &mut Conn, after: i64, wanted: usize) -> Result<Option<Vec<DogId>>, Problem> {
    let most = rows(wanted);
    let most_users = LOOKED_AT / most;
    let of_users = users::table.filter(users::is_public).order(users::id).limit(most_users + 1);
    let ids: Vec<IdList<Dog>> = conn.load(of_users.select(NextIds { after, most }))?;
    if rows(ids.len()) > most_users {
        return Ok(None);
    }
    let mut ids: Vec<DogId> = ids.into_iter().flat_map(|IdList(ids)| ids).collect();
    ids.sort_unstable();
    ids.truncate(wanted);
    Ok(Some(ids))
}

/// The dog with this id, if its user has a profile.
///
/// # Errors
/// `not-found`, when there is no such dog, or its user has no profile; the database's errors ([`Conn`]).
pub fn show_dog(conn: &mut Conn, id: DogId) -> Result<PublicDogRow, Problem> {
    let dog = public_dogs().filter(dogs::id.eq(id)).select(columns::<PublicDogRow>());
    let found = conn.find(dog)?;
    Ok(found.ok_or(Kind::NotFound)?)
}

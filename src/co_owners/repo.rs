//! Queries about who co-owns which dog. [`CoOwners::of`] is the only way to any of them; the foreign keys hold
//! dog, owner and user together.

use diesel::{
    ExpressionMethods, IntoSql, QueryDsl, QueryResult, Queryable, RunQueryDsl, SelectableHelper,
    backend::Backend,
    deserialize::{self, FromSql},
    dsl::auto_type,
    query_builder::{AstPass, QueryFragment},
    sql_types::{BigInt, Nullable, Text},
};

use super::{MOST_CO_OWNERS, wire::CoOwnerFilter};
use crate::{
    db::{
        Broken, Connection, OnConstraint,
        expression::{AnyOf, Table, expression},
        rows,
        schema::{dog_co_owners, owners},
    },
    dogs::Dogs,
    ids::{DogId, OwnerId, UserId},
    lists::{ListQuery, Page},
    owners::{NO_SUCH_OWNER, OwnerRow, Owners},
    problem::{FieldError, Kind, Problem},
};

/// The ids of a dog's co-owners, as a column of `dogs`.
#[derive(Default)]
pub struct CoOwnerIds;

expression!(CoOwnerIds, Nullable<Text>);

impl<DB: Backend> QueryFragment<DB> for CoOwnerIds {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(
            "(SELECT string_agg(CAST(owner_id AS TEXT), ',') FROM dog_co_owners \
             WHERE dog_co_owners.dog_id = dogs.id)",
        );
        Ok(())
    }
}

/// Ids, in their order.
#[derive(Clone, Debug, Default)]
pub struct IdList(pub Vec<i64>);

impl<DB: Backend> Queryable<Nullable<Text>, DB> for IdList
where
    String: FromSql<Text, DB>,
{
    type Row = Option<String>;

    fn build(text: Option<String>) -> deserialize::Result<Self> {
        let Some(text) = text else { return Ok(Self::default()) };
        let mut ids = text.split(',').map(str::parse).collect::<Result<Vec<i64>, _>>()?;
        ids.sort_unstable();
        Ok(Self(ids))
    }
}

/// The co-owners of one dog of one user.
#[auto_type]
fn of_dog(user: i64, dog: i64) -> _ {
    dog_co_owners::table.filter(dog_co_owners::user_id.eq(user)).filter(dog_co_owners::dog_id.eq(dog))
}

/// Who co-owns which dog, in one user's book.
pub struct CoOwners(UserId);

impl CoOwners {
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// A page of the co-owners of one dog, by id. A dog that is not the user's has none.
    pub fn list(
        &self,
        conn: &mut Connection,
        dog: DogId,
        asked: &ListQuery<CoOwnerFilter>,
    ) -> Result<Page<OwnerRow>, Problem> {
        let of_dog = of_dog(self.0.get(), dog.get());
        if !asked.filter.wanted.is_everything() {
            return self.list_wanted(conn, dog, asked);
        }
        let total = asked.count.then(|| of_dog.count().get_result(conn)).transpose()?;
        let enough = i64::try_from(asked.window.limit + 1).map_err(Problem::internal)?;
        let page = of_dog
            .filter(dog_co_owners::owner_id.gt(asked.window.after_id()))
            .order(dog_co_owners::owner_id)
            .limit(enough)
            .select(dog_co_owners::owner_id);
        let mine = owners::table.filter(owners::user_id.eq(self.0.get())).filter(owners::id.eq_any(page));
        let mut rows = mine.select(OwnerRow::as_select()).load(conn)?;
        rows.sort_unstable_by_key(|row| row.id);
        Ok(asked.window.found(rows).of(total))
    }

    /// The same of those that are wanted: of the few that a dog has each is looked at.
    fn list_wanted(
        &self,
        conn: &mut Connection,
        dog: DogId,
        asked: &ListQuery<CoOwnerFilter>,
    ) -> Result<Page<OwnerRow>, Problem> {
        let ids = of_dog(self.0.get(), dog.get()).select(dog_co_owners::owner_id);
        let theirs = owners::table.filter(owners::user_id.eq(self.0.get())).filter(owners::id.eq_any(ids));
        let wanted = || asked.filter.wanted.of(&Table::OWNERS);
        let total = asked.count.then(|| theirs.filter(wanted()).count().get_result(conn)).transpose()?;
        let enough = i64::try_from(asked.window.limit + 1).map_err(Problem::internal)?;
        let page = theirs.filter(wanted()).filter(owners::id.gt(asked.window.after_id())).order(owners::id);
        let rows = page.limit(enough).select(OwnerRow::as_select()).load(conn)?;
        Ok(asked.window.found(rows).of(total))
    }

    /// Makes somebody a co-owner, who may be one already.
    ///
    /// # Errors
    /// `not-found`, `already-primary-owner`, `too-many-co-owners`.
    pub fn create(&self, conn: &mut Connection, dog: DogId, owner: OwnerId) -> Result<(), Problem> {
        let primary = Dogs::of(self.0).lock(conn, dog)?;
        let _mine = Owners::of(self.0).show(conn, owner)?;
        if primary == owner {
            return Err(Kind::AlreadyPrimaryOwner.into());
        }
        let co_owners: Vec<i64> = of_dog(self.0.get(), dog.get()).select(dog_co_owners::owner_id).load(conn)?;
        if co_owners.contains(&owner.get()) {
            return Ok(());
        }
        if co_owners.len() >= MOST_CO_OWNERS {
            return Err(Kind::TooManyCoOwners.into());
        }
        let new = (
            dog_co_owners::dog_id.eq(dog.get()),
            dog_co_owners::owner_id.eq(owner.get()),
            dog_co_owners::user_id.eq(self.0.get()),
        );
        let _one = diesel::insert_into(dog_co_owners::table)
            .values(new)
            .execute(conn)
            .on_constraint(|broken| (*broken == Broken::ForeignKey).then(|| Problem::new(Kind::NotFound)))?;
        Dogs::of(self.0).touch(conn, dog)
    }

    /// Makes somebody no co-owner, who may be none already.
    ///
    /// # Errors
    /// `not-found` when the user has no such dog or owner.
    pub fn delete(&self, conn: &mut Connection, dog: DogId, owner: OwnerId) -> Result<(), Problem> {
        let _primary = Dogs::of(self.0).lock(conn, dog)?;
        let _mine = Owners::of(self.0).show(conn, owner)?;
        if self.remove(conn, dog, Some(owner))? > 0 { Dogs::of(self.0).touch(conn, dog) } else { Ok(()) }
    }

    /// Takes one co-owner from a dog, or all. Tells how many.
    pub fn remove(&self, conn: &mut Connection, dog: DogId, owner: Option<OwnerId>) -> Result<usize, Problem> {
        let all = of_dog(self.0.get(), dog.get());
        Ok(match owner {
            None => diesel::delete(all).execute(conn)?,
            Some(owner) => diesel::delete(all.filter(dog_co_owners::owner_id.eq(owner.get()))).execute(conn)?,
        })
    }

    /// Gives a dog that has none its co-owners.
    ///
    /// # Errors
    /// `validation-failed`, naming each in `/co_owner_ids` that the user does not have, or that owns it already.
    pub fn fill(
        &self,
        conn: &mut Connection,
        dog: DogId,
        primary: OwnerId,
        co_owners: &[OwnerId],
    ) -> Result<IdList, Problem> {
        let mut ids: Vec<i64> = co_owners.iter().map(|id| id.get()).collect();
        if co_owners.contains(&primary) {
            return Err(self.refusal(conn, &ids, primary)?);
        }
        let found = owners::table
            .filter(owners::user_id.eq(self.0.get()))
            .filter(AnyOf::new("owners.id", ids.clone()))
            .select((dog.get().into_sql::<BigInt>(), owners::id, owners::user_id));
        let columns = (dog_co_owners::dog_id, dog_co_owners::owner_id, dog_co_owners::user_id);
        let filled = diesel::insert_into(dog_co_owners::table)
            .values(found)
            .into_columns(columns)
            .execute(conn)
            .on_constraint(|broken| (*broken == Broken::ForeignKey).then(just_deleted))?;
        if filled < ids.len() {
            return Err(self.refusal(conn, &ids, primary)?);
        }
        ids.sort_unstable();
        Ok(IdList(ids))
    }

    /// Takes one owner from dogs that it co-owns, and bumps their versions: about `most` rows. Tells how many; fewer than
    /// `most`, when none is left.
    pub fn leave_some(&self, conn: &mut Connection, owner: OwnerId, most: usize) -> Result<usize, Problem> {
        let shared = || {
            let mine = dog_co_owners::table.filter(dog_co_owners::user_id.eq(self.0.get()));
            mine.filter(dog_co_owners::owner_id.eq(owner.get()))
        };
        // The dog and its link.
        let some = shared().order(dog_co_owners::dog_id).limit(rows(most.div_ceil(2)));
        let dogs: Vec<i64> = some.select(dog_co_owners::dog_id).load(conn)?;
        let touched = Dogs::of(self.0).touch_those(conn, dogs.clone())?;
        let left = diesel::delete(shared().filter(AnyOf::new("dog_co_owners.dog_id", dogs))).execute(conn)?;
        Ok(touched + left)
    }

    /// Deletes links of these dogs to their co-owners, about `most`. Tells how many; fewer than `most`, when none is left.
    pub fn delete_some_of(&self, conn: &mut Connection, dogs: Vec<i64>, most: usize) -> Result<usize, Problem> {
        let mine = dog_co_owners::table.filter(dog_co_owners::user_id.eq(self.0.get()));
        let theirs = mine.filter(AnyOf::new("dog_co_owners.dog_id", dogs));
        let some = theirs.limit(rows(most)).select(dog_co_owners::dog_id).load(conn)?;
        self.delete_of(conn, some)
    }

    /// Deletes links of any dog, about `most`. Tells how many; fewer than `most`, when none is left.
    pub fn delete_some(&self, conn: &mut Connection, most: usize) -> Result<usize, Problem> {
        let mine = dog_co_owners::table.filter(dog_co_owners::user_id.eq(self.0.get()));
        let some = mine.order(dog_co_owners::dog_id).limit(rows(most)).select(dog_co_owners::dog_id);
        let dogs = some.load(conn)?;
        self.delete_of(conn, dogs)
    }

    /// Deletes all links of these dogs, of which each has a few only.
    fn delete_of(&self, conn: &mut Connection, mut dogs: Vec<i64>) -> Result<usize, Problem> {
        dogs.dedup();
        let mine = dog_co_owners::table.filter(dog_co_owners::user_id.eq(self.0.get()));
        Ok(diesel::delete(mine.filter(AnyOf::new("dog_co_owners.dog_id", dogs))).execute(conn)?)
    }

    /// What is wrong with each of these.
    fn refusal(&self, conn: &mut Connection, ids: &[i64], primary: OwnerId) -> Result<Problem, Problem> {
        let mine = Owners::of(self.0).existing_ids(conn, ids.to_vec())?;
        let errors = ids.iter().enumerate().filter_map(|(index, id)| {
            let pointer = format!("/co_owner_ids/{index}");
            if *id == primary.get() {
                Some(FieldError::body(&pointer, "already_primary", "This is the dog's primary owner."))
            } else {
                (!mine.contains(id)).then(|| FieldError::body(&pointer, "not_found", NO_SUCH_OWNER))
            }
        });
        Ok(Problem::validation(errors.collect()))
    }
}

/// An owner that was there a moment ago.
fn just_deleted() -> Problem {
    Problem::field("/co_owner_ids", "not_found", "One of these owners has just been deleted.")
}

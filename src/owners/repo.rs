//! Queries about owners. [`Owners::of`] is the only way to any of them, so no query can leave a user's own
//! book; not there and not yours are the same `not-found`.

use diesel::{
    AsChangeset, Connection as _, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, RunQueryDsl,
    Selectable, SelectableHelper, dsl::auto_type,
};

use super::{
    OwnerId,
    wire::{OwnerFilter, OwnerIn, OwnerPatch},
};
use crate::{
    db::{
        Broken, Connection, OnConstraint, columns,
        expression::{Contains, Given, OneOf},
        keyset::{Found, Key, Sort},
        natively,
        schema::{dog_co_owners, dogs, owners},
        timestamp::Timestamp,
    },
    problem::{Kind, Problem},
    users::UserId,
    wire::{Asked, Preconditions, Search, Versions, text::search_key},
};

/// A stored owner.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = owners)]
pub struct OwnerRow {
    pub id: i64,
    pub user_id: i64,
    pub name: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub version: i64,
}

#[derive(Insertable)]
#[diesel(table_name = owners)]
struct NewOwner<'a> {
    user_id: i64,
    name: &'a str,
    name_key: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(AsChangeset)]
#[diesel(table_name = owners)]
struct OwnerChanges<'a> {
    name: &'a str,
    name_key: String,
    updated_at: Timestamp,
}

/// What owners are sorted by.
pub const SORTS: &[Sort<OwnerRow>] = &[
    Sort { name: "id", sql: "owners.id", key: |row| Key::Id(row.id), then: None },
    Sort { name: "name", sql: "owners.name_key", key: |row| Key::Text(search_key(&row.name)), then: None },
    Sort { name: "created_at", sql: "owners.created_at", key: |row| Key::Moment(row.created_at), then: None },
];

/// The owners in one user's book.
pub struct Owners(UserId);

/// One owner of one user; every query about a single row begins here.
#[auto_type]
fn one(user: i64, id: i64) -> _ {
    owners::table.filter(owners::user_id.eq(user)).filter(owners::id.eq(id))
}

/// The owners of one user that are searched for.
#[auto_type]
fn some(user: i64, filter: &OwnerFilter) -> _ {
    let searched: Given<Contains> = Search::in_column(filter.search.as_ref(), "owners.name_key");
    owners::table.filter(owners::user_id.eq(user)).filter(searched)
}

impl Owners {
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// A page of those that are asked for.
    pub fn list(&self, conn: &mut Connection, asked: &Asked<OwnerFilter>) -> Result<Found<OwnerRow>, Problem> {
        let some = || some(self.0.get(), &asked.filter);
        let total = asked.count.then(|| natively!(conn => some().count().get_result(conn))).transpose()?;
        let found = asked.window.page(|step| {
            let page = some().filter(step.rows).order(step.order).limit(step.limit).select(columns::<OwnerRow>());
            natively!(conn => page.load(conn))
        })?;
        Ok(found.of(total))
    }

    /// One of them.
    ///
    /// # Errors
    /// `not-found`.
    pub fn show(&self, conn: &mut Connection, id: OwnerId) -> Result<OwnerRow, Problem> {
        let mine = one(self.0.get(), id.get()).select(columns::<OwnerRow>());
        let found = natively!(conn => mine.first(conn)).optional()?;
        found.ok_or_else(|| Problem::new(Kind::NotFound))
    }

    /// Those of these ids that there are, in any order.
    pub fn those(&self, conn: &mut Connection, ids: Vec<i64>) -> Result<Vec<OwnerRow>, Problem> {
        let mine = owners::table.filter(owners::user_id.eq(self.0.get())).filter(OneOf::new("owners.id", ids));
        Ok(mine.select(OwnerRow::as_select()).load(conn)?)
    }

    /// Which of these ids are theirs.
    pub fn find_ids(conn: &mut Connection, user: UserId, ids: Vec<i64>) -> Result<Vec<i64>, Problem> {
        let mine = owners::table.filter(owners::user_id.eq(user.get())).filter(OneOf::new("owners.id", ids));
        Ok(mine.select(owners::id).load(conn)?)
    }

    /// A new one.
    pub fn create(&self, conn: &mut Connection, new: &OwnerIn) -> Result<OwnerRow, Problem> {
        let now = Timestamp::now();
        let row = NewOwner {
            user_id: self.0.get(),
            name: &new.name,
            name_key: search_key(&new.name),
            created_at: now,
            updated_at: now,
        };
        let insert = diesel::insert_into(owners::table).values(row).returning(columns::<OwnerRow>());
        natively!(conn => insert.get_result(conn))
            .on_constraint(|broken| (*broken == Broken::ForeignKey).then(|| Problem::new(Kind::RevokedToken)))
    }

    /// Changes what `patch` names; nothing, if it names nothing.
    ///
    /// # Errors
    /// `not-found`, `precondition-failed`.
    pub fn update(
        &self,
        conn: &mut Connection,
        id: OwnerId,
        only_if: &Preconditions,
        patch: &OwnerPatch,
    ) -> Result<OwnerRow, Problem> {
        let versions = self.versions(conn, id, only_if)?;
        let Some(name) = &patch.name else { return self.show(conn, id) };
        let changes = OwnerChanges { name, name_key: search_key(name), updated_at: Timestamp::now() };
        let mine = one(self.0.get(), id.get()).filter(owners::version.between(versions.least, versions.most));
        let changed = diesel::update(mine)
            .set((changes, owners::version.eq(owners::version + 1)))
            .returning(columns::<OwnerRow>())
            .get_result(conn)
            .optional()?;
        changed.ok_or_else(|| versions.not_found())
    }

    /// The versions that one may have when it is written.
    fn versions(&self, conn: &mut Connection, id: OwnerId, only_if: &Preconditions) -> Result<Versions, Problem> {
        only_if.versions(|| Ok(self.show(conn, id)?.version))
    }

    /// Deletes one that has no dogs, or one with its dogs.
    ///
    /// # Errors
    /// `not-found`, `precondition-failed`; `owner-has-dogs`, saying how many.
    pub fn delete(
        &self,
        conn: &mut Connection,
        id: OwnerId,
        only_if: &Preconditions,
        with_dogs: bool,
    ) -> Result<(), Problem> {
        self.lock(conn, id)?;
        let versions = self.versions(conn, id, only_if)?;
        if with_dogs {
            let dogs = dogs::table.filter(dogs::user_id.eq(self.0.get())).filter(dogs::owner_id.eq(id.get()));
            let _dogs = diesel::delete(dogs).execute(conn)?;
        }
        self.leave_co_owned_dogs(conn, id)?;
        let mine = one(self.0.get(), id.get()).filter(owners::version.between(versions.least, versions.most));
        // A transaction of its own, so that after a broken constraint there is still one to count in.
        let deleted = conn
            .transaction(|conn| diesel::delete(mine).execute(conn))
            .on_constraint(|broken| (*broken == Broken::ForeignKey).then(|| Problem::new(Kind::OwnerHasDogs)));
        match deleted {
            Ok(0) => Err(versions.not_found()),
            Ok(_) => Ok(()),
            Err(problem) if problem.kind() == Kind::OwnerHasDogs => Err(self.has_dogs(conn, id)?),
            Err(problem) => Err(problem),
        }
    }

    /// Keeps others from giving one a dog meanwhile, or a share in one. In SQLite nobody else writes.
    fn lock(&self, conn: &mut Connection, id: OwnerId) -> Result<(), Problem> {
        let mine = one(self.0.get(), id.get()).select(owners::id);
        match conn {
            Connection::Sqlite(_) => {}
            Connection::Postgres(conn) => {
                let _id: Option<i64> = mine.for_update().first(conn).optional()?;
            }
        }
        Ok(())
    }

    /// Who reads those dogs again finds them changed: they lose a co-owner.
    fn leave_co_owned_dogs(&self, conn: &mut Connection, id: OwnerId) -> Result<(), Problem> {
        let co_owned = dog_co_owners::table
            .filter(dog_co_owners::user_id.eq(self.0.get()))
            .filter(dog_co_owners::owner_id.eq(id.get()))
            .select(dog_co_owners::dog_id);
        let dogs = dogs::table.filter(dogs::user_id.eq(self.0.get())).filter(dogs::id.eq_any(co_owned));
        let _dogs = diesel::update(dogs)
            .set((dogs::updated_at.eq(Timestamp::now()), dogs::version.eq(dogs::version + 1)))
            .execute(conn)?;
        Ok(())
    }

    fn has_dogs(&self, conn: &mut Connection, id: OwnerId) -> Result<Problem, Problem> {
        let count: i64 = dogs::table
            .filter(dogs::user_id.eq(self.0.get()))
            .filter(dogs::owner_id.eq(id.get()))
            .count()
            .get_result(conn)?;
        let dogs = if count == 1 { "1 dog".to_owned() } else { format!("{count} dogs") };
        let detail = format!(
            "This owner still has {dogs}. Delete its dogs, or give them another owner, first; or delete them together \
             with ?force=true."
        );
        Ok(Problem::new(Kind::OwnerHasDogs).with_detail(detail))
    }
}

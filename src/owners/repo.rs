//! Queries about owners. [`Owners::of`] is the only way to any of them, so no query can leave a user's own
//! book; not there and not yours are the same `not-found`.

use diesel::{
    AsChangeset, Connection as _, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, RunQueryDsl,
    Selectable, SelectableHelper, dsl::auto_type,
};

use super::{
    OwnerId,
    wire::{OwnerIn, OwnerPatch},
};
use crate::{
    db::{
        Broken, Connection, OnConstraint, columns,
        schema::{dogs, owners},
        timestamp::Timestamp,
    },
    problem::{Kind, Problem},
    users::UserId,
    wire::Window,
};

/// A stored owner.
#[derive(Queryable, Selectable)]
#[diesel(table_name = owners)]
pub struct OwnerRow {
    pub id: i64,
    pub user_id: i64,
    pub name: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Insertable)]
#[diesel(table_name = owners)]
struct NewOwner<'a> {
    user_id: i64,
    name: &'a str,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(AsChangeset)]
#[diesel(table_name = owners)]
struct OwnerChanges<'a> {
    name: Option<&'a str>,
    updated_at: Timestamp,
}

/// The owners in one user's book.
pub struct Owners(UserId);

/// One owner of one user; every query about a single row begins here.
#[auto_type]
fn one(user: i64, id: i64) -> _ {
    owners::table.filter(owners::user_id.eq(user)).filter(owners::id.eq(id))
}

impl Owners {
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// A page of them, by id.
    pub fn list(&self, conn: &mut Connection, window: Window) -> Result<Vec<OwnerRow>, Problem> {
        let rows = owners::table
            .filter(owners::user_id.eq(self.0.get()))
            .filter(owners::id.gt(window.after))
            .order(owners::id)
            .limit(window.fetch())
            .select(OwnerRow::as_select())
            .load(conn)?;
        Ok(rows)
    }

    /// One of them.
    ///
    /// # Errors
    /// `not-found`.
    pub fn show(&self, conn: &mut Connection, id: OwnerId) -> Result<OwnerRow, Problem> {
        let found = one(self.0.get(), id.get()).select(OwnerRow::as_select()).first(conn).optional()?;
        found.ok_or_else(|| Problem::new(Kind::NotFound))
    }

    /// A new one.
    pub fn create(&self, conn: &mut Connection, new: &OwnerIn) -> Result<OwnerRow, Problem> {
        let now = Timestamp::now();
        let row = NewOwner { user_id: self.0.get(), name: &new.name, created_at: now, updated_at: now };
        let owner = diesel::insert_into(owners::table)
            .values(row)
            .returning(columns::<OwnerRow>())
            .get_result(conn)
            .on_constraint(|broken| (*broken == Broken::ForeignKey).then(|| Problem::new(Kind::RevokedToken)))?;
        Ok(owner)
    }

    /// Changes what `patch` names; nothing, if it names nothing.
    ///
    /// # Errors
    /// `not-found`.
    pub fn update(&self, conn: &mut Connection, id: OwnerId, patch: &OwnerPatch) -> Result<OwnerRow, Problem> {
        if patch.is_empty() {
            return self.show(conn, id);
        }
        let changes = OwnerChanges { name: patch.name.as_deref(), updated_at: Timestamp::now() };
        let mine = one(self.0.get(), id.get());
        let changed = diesel::update(mine)
            .set((changes, owners::version.eq(owners::version + 1)))
            .returning(columns::<OwnerRow>())
            .get_result(conn)
            .optional()?;
        changed.ok_or_else(|| Problem::new(Kind::NotFound))
    }

    /// Deletes one that has no dogs.
    ///
    /// # Errors
    /// `not-found`; `owner-has-dogs`, saying how many.
    pub fn delete(&self, conn: &mut Connection, id: OwnerId) -> Result<(), Problem> {
        let mine = one(self.0.get(), id.get());
        // A transaction of its own, so that after a broken constraint there is still one to count in.
        let deleted = conn
            .transaction(|conn| diesel::delete(mine).execute(conn))
            .on_constraint(|broken| (*broken == Broken::ForeignKey).then(|| Problem::new(Kind::OwnerHasDogs)));
        match deleted {
            Ok(0) => Err(Problem::new(Kind::NotFound)),
            Ok(_) => Ok(()),
            Err(problem) if problem.kind() == Kind::OwnerHasDogs => Err(self.has_dogs(conn, id)?),
            Err(problem) => Err(problem),
        }
    }

    fn has_dogs(&self, conn: &mut Connection, id: OwnerId) -> Result<Problem, Problem> {
        let count: i64 = dogs::table
            .filter(dogs::user_id.eq(self.0.get()))
            .filter(dogs::owner_id.eq(id.get()))
            .count()
            .get_result(conn)?;
        let dogs = if count == 1 { "1 dog".to_owned() } else { format!("{count} dogs") };
        let detail = format!("This owner still has {dogs}. Delete its dogs, or give them another owner, first.");
        Ok(Problem::new(Kind::OwnerHasDogs).with_detail(detail))
    }
}

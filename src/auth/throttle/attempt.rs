//! A try to give the right password: counted before it is made, and made only if no lock after wrong passwords is in
//! the way. The counters are in `lock` and `repo`, the hashing in `passwords`.

use super::{
    lock::{FailureKey, Lock},
    repo::{Failures, TryStart},
};
use crate::{
    auth::passwords::{
        hasher::Hasher,
        password::{Password, Verdict},
    },
    crypto::PasswordHash,
    db::{Conn, Db},
    ids::UserId,
    problem::Problem,
};

/// A try to give the right password, in a login or to change the password: whose, and which counters of
/// failures ([`Failures`]) it is counted in. [`Attempt::check`] makes it.
#[derive(Clone, Copy)]
pub struct Attempt {
    /// The user whose password is tried; `None`, if there is no such account.
    pub user: Option<UserId>,
    /// The key of the counter that locks further tries.
    pub failures: FailureKey,
    /// The key of a second counter, of all of the user's sessions together, in which the try is counted too.
    pub wider: Option<FailureKey>,
}

impl Attempt {
    /// Counts the try, and checks `password` against the hash `stored`, or with `None` against a made-up one in the
    /// same time. After [`Verdict::Right`] the caller clears the counters by [`Attempt::succeed`], in the transaction
    /// that the password allows.
    ///
    /// # Errors
    /// `too-many-attempts`, while earlier failures lock the counter; `too-many-requests` and `overloaded`, when too
    /// much hashing waits; the database's errors.
    pub async fn check(
        self,
        db: &Db,
        hasher: &Hasher,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<Verdict, Problem> {
        let (failures, wider) = (self.failures, self.wider);
        let turn = hasher.turn().await?;
        let begin = move |conn: &mut _| Failures::of(failures).begin_with(conn, wider.map(Failures::of).as_ref());
        if let TryStart::Locked(lock) = db.write(begin).await? {
            return Err(self.refused(lock));
        }
        match hasher.verify(&turn, password, stored).await {
            Ok((right @ Verdict::Right { .. }, _)) => Ok(right),
            Ok((Verdict::Wrong, tell_at)) => {
                db.write(move |conn| Failures::of(failures).fail(conn)).await?;
                // The next caller need not wait until the response may be sent.
                drop(turn);
                tokio::time::sleep_until(tell_at.into()).await;
                Ok(Verdict::Wrong)
            }
            Err(problem) => {
                db.write(move |conn| self.take_back(conn)).await?;
                Err(problem)
            }
        }
    }

    /// Takes the try out of the counters: the password was not checked after all.
    fn take_back(self, conn: &mut Conn) -> Result<(), Problem> {
        for key in [self.failures].into_iter().chain(self.wider) {
            Failures::of(key).take_back(conn)?;
        }
        Ok(())
    }

    /// Clears the counter of failures after the right password, and takes this try out of the wider one.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn succeed(self, conn: &mut Conn) -> Result<(), Problem> {
        Failures::of(self.failures).clear(conn)?;
        self.wider.map_or(Ok(()), |wider| Failures::of(wider).take_back(conn))
    }

    /// The problem `too-many-attempts` of a caller that has to wait for `lock`, with `Retry-After`; logs it as a
    /// security event.
    pub fn refused(self, lock: Lock) -> Problem {
        let user_id = self.user.map(UserId::get);
        tracing::info!(target: "kennel::security", user_id, "locked");
        lock.into()
    }
}

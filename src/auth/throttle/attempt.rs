//! One try to prove by a password who one is: counted before it is made, and made only if no lock is in the way.
//! The counters are in `lock` and `repo`, the hashing in `passwords`.

use super::{
    lock::{FailureKey, Lock},
    repo::{Failures, TryStart},
};
use crate::{
    auth::passwords::{
        hasher::{Hasher, Verdict},
        password::{Password, RightPassword, WrongPassword},
    },
    crypto::PasswordHash,
    db::{Conn, Db},
    ids::UserId,
    limits::Source,
    problem::Problem,
};

/// Who tries, as far as it is known, and where it is counted.
#[derive(Clone, Copy)]
pub struct Attempt {
    pub user: Option<UserId>,
    pub source: Source,
    pub failures: FailureKey,
    /// The counter of the user's other sessions, where the try is counted, too.
    pub wider: Option<FailureKey>,
}

impl Attempt {
    /// Checks `password` against `stored`, or against nothing in the same time. Who takes the right password for an
    /// answer clears the counter in the transaction that it leads to.
    ///
    /// # Errors
    /// `too-many-attempts`; `too-many-requests`; `overloaded`.
    pub async fn check(
        self,
        db: &Db,
        hasher: &Hasher,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<Result<RightPassword, WrongPassword>, Problem> {
        let (failures, wider) = (self.failures, self.wider);
        let turn = hasher.turn().await?;
        let begin = move |conn: &mut _| Failures::of(failures).begin_with(conn, wider.map(Failures::of).as_ref());
        if let TryStart::Locked(lock) = db.write(begin).await? {
            return Err(self.refused(lock));
        }
        let verdict = hasher.verify(&turn, password, stored).await;
        match verdict {
            Ok(Verdict { result: Ok(right), .. }) => Ok(Ok(right)),
            Ok(Verdict { result: Err(wrong), tell_at }) => {
                db.write(move |conn| Failures::of(failures).fail(conn)).await?;
                // Others need not wait for the moment when this may be told.
                drop(turn);
                tokio::time::sleep_until(tell_at.into()).await;
                Ok(Err(wrong))
            }
            Err(problem) => {
                db.write(move |conn| self.take_back(conn)).await?;
                Err(problem)
            }
        }
    }

    /// Counts the try no longer: the password was not looked at after all.
    fn take_back(self, conn: &mut Conn) -> Result<(), Problem> {
        for key in [self.failures].into_iter().chain(self.wider) {
            Failures::of(key).take_back(conn)?;
        }
        Ok(())
    }

    /// Clears what has failed here, and counts the right password nowhere else.
    ///
    /// # Errors
    /// Those of the database.
    pub fn succeed(self, conn: &mut Conn) -> Result<(), Problem> {
        Failures::of(self.failures).clear(conn)?;
        self.wider.map_or(Ok(()), |wider| Failures::of(wider).take_back(conn))
    }

    /// What somebody is told who has to wait.
    pub fn refused(self, lock: Lock) -> Problem {
        let (user_id, source) = (self.user.map(UserId::get), self.source);
        tracing::info!(target: "kennel::security", user_id, %source, "locked");
        lock.into()
    }
}

//! The soft lock: after a wrong password the next try waits, longer and longer. The lock is kept in the database, so
//! that a restart forgets nothing and all instances count together; and a network that the user has logged in from has
//! a counter of its own, so that strangers cannot lock a user out. The queries are in `repo`.

use std::time::Duration;

use crate::{
    accounts::LoginKey,
    crypto::signer::Signer,
    ids::{SessionId, UserId},
    limits::Source,
    problem::{Kind, Problem},
};

/// The most tries that may fail in a day (UTC).
const MOST_A_DAY: i64 = 100;
/// The most failures of a day in all sessions of a user whose login is not fresh: more than one session can have.
const MOST_IN_ALL_SESSIONS: i64 = 5 * MOST_A_DAY;

/// The failures of a day without a pause for a known user: people mistype, and their programs try again at once.
const FREE: i64 = 10;

/// The key of a counter of wrong passwords: an HMAC that names what is counted (a name, a name from a known network, a
/// session, a user) without storing it. The counter itself is [`Failures`](crate::auth::throttle::repo::Failures).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureKey {
    bytes: [u8; 16],
    patience: Patience,
}

/// The rule for how many failures a counter allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// The rule for strangers.
    Stranger,
    /// The rule for users who have logged in, or have done so from there.
    Known,
    /// The rule for all sessions of a user together: none delays the others, until far too many have failed.
    InAll,
}

impl FailureKey {
    /// The key for logins with a name, whether or not it has an account, so that the lock does not tell. The username
    /// and the e-mail address of one account have a counter each, so that the lock does not tell that they belong
    /// together.
    #[must_use]
    pub fn of_login(signer: &Signer, login: &LoginKey) -> Self {
        let bytes = half(signer.sign(&[b"login", login.as_str().as_bytes()]));
        Self { bytes, patience: Patience::Stranger }
    }

    /// The key for one session's tries to change the password: a stolen session locks no other.
    #[must_use]
    pub fn of_change(signer: &Signer, session: SessionId) -> Self {
        let bytes = half(signer.sign(&[b"change", &session.get().to_be_bytes()]));
        Self { bytes, patience: Patience::Known }
    }

    /// The key for the tries of all of a user's sessions to change the password: a thief of several has no more tries
    /// for that.
    #[must_use]
    pub fn of_all_changes(signer: &Signer, user: UserId) -> Self {
        let bytes = half(signer.sign(&[b"changes", &user.get().to_be_bytes()]));
        Self { bytes, patience: Patience::InAll }
    }

    /// The key for logins with a name from a network that its user has logged in from before, so that strangers
    /// elsewhere do not lock the user out.
    #[must_use]
    pub fn of_known_source(signer: &Signer, login: &LoginKey, source: Source) -> Self {
        let bytes = half(signer.sign(&[b"known source", login.as_str().as_bytes(), source.as_bytes()]));
        Self { bytes, patience: Patience::Known }
    }

    /// The key as the database stores it: 16 bytes of an HMAC-SHA256, which name no user.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The time that a next try has to wait after so many failures on one day (UTC): 0 to 10 seconds, the more the
    /// longer. After [`FailureKey::most_a_day`] of them there is none until the next day.
    #[must_use]
    pub fn pause_after(&self, failures: i64) -> Duration {
        Duration::from_secs(match (self.patience, failures) {
            (Patience::InAll, _) | (Patience::Known, ..=FREE) => 0,
            (_, ..3) => 1,
            (_, 3..9) => 3,
            (_, 9..25) => 5,
            _ => 10,
        })
    }

    /// The number of failures on one day (UTC) after which no further try is made until the next.
    #[must_use]
    pub fn most_a_day(&self) -> i64 {
        if self.patience == Patience::InAll { MOST_IN_ALL_SESSIONS } else { MOST_A_DAY }
    }
}

/// The names under which a network may be stored with a user's sessions: one HMAC under each key of the service, the
/// newest first, which is the one to store. Compared with [`has_begun_at`](crate::sessions::has_begun_at).
pub fn known_as(signer: &Signer, user: Option<UserId>, source: Source) -> Vec<[u8; 16]> {
    let user = user.map_or(0, UserId::get);
    signer.known_as(&[b"session", &user.to_be_bytes(), source.as_bytes()]).into_iter().map(half).collect()
}

/// The first half of an HMAC-SHA256, which is enough to tell networks apart.
fn half(signature: [u8; 32]) -> [u8; 16] {
    signature.first_chunk().copied().unwrap_or_default()
}

/// The time that the next try to give a password has to wait, after wrong ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock(
    /// The time from now on that is to be waited.
    pub Duration,
);

impl From<Lock> for Problem {
    fn from(Lock(wait): Lock) -> Self {
        Self::new(Kind::TooManyAttempts).retry_after(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::{FailureKey, LoginKey, SessionId, Signer, Source, UserId};

    fn signer() -> Signer {
        Signer::new(&[7; 32], &[])
    }

    fn user(id: i64) -> UserId {
        UserId::new(id).expect("an id")
    }

    fn session(id: i64) -> SessionId {
        SessionId::new(id).expect("an id")
    }

    #[test]
    fn every_counter_is_another() {
        let keys = [
            FailureKey::of_login(&signer(), &LoginKey::of("ann")),
            FailureKey::of_login(&signer(), &LoginKey::of("ann@example.com")),
            FailureKey::of_change(&signer(), session(1)),
            FailureKey::of_change(&signer(), session(2)),
            FailureKey::of_all_changes(&signer(), user(1)),
            FailureKey::of_all_changes(&signer(), user(2)),
            FailureKey::of_known_source(&signer(), &LoginKey::of("ann"), Source::default()),
            FailureKey::of_known_source(&signer(), &LoginKey::of("ann@example.com"), Source::default()),
        ];
        for (place, key) in keys.iter().enumerate() {
            assert!(!keys.iter().skip(place + 1).any(|other| other == key), "{place}");
        }
        assert_eq!(keys[0], FailureKey::of_login(&signer(), &LoginKey::of(" Ann")));
    }

    #[test]
    fn the_pause_grows() {
        let pauses = |key: FailureKey| [1, 2, 3, 8, 9, 10, 11, 24, 25, 99].map(|n| key.pause_after(n).as_secs());
        let stranger = FailureKey::of_login(&signer(), &LoginKey::of("ann"));
        assert_eq!(pauses(stranger), [1, 1, 3, 3, 5, 5, 5, 5, 10, 10]);
        assert_eq!(pauses(FailureKey::of_change(&signer(), session(1))), [0, 0, 0, 0, 0, 0, 5, 5, 10, 10]);
        let all = FailureKey::of_all_changes(&signer(), user(1));
        assert_eq!(pauses(all), [0; 10]);
        assert!(all.most_a_day() > stranger.most_a_day(), "one session alone locks no other");
    }
}

//! Refresh tokens: `<session>.<counter>.<signature>`. The signature holds an HMAC of the session, the counter and the
//! session's salt: so the database holds nothing that could be presented, and a token's successor can be made again for
//! a tab that came second (RFC 9700 §4.14: a token is replaced at every use, and an old one ends the session). Its 32
//! bytes are the user, the beginning of that HMAC, and the beginning of another one over all before it, the *seal*,
//! which needs no salt: so a token is counted for its user before the database is queried.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    crypto::signer::{SIGNATURE, Signer},
    db::timestamp::Timestamp,
    ids::{SessionId, UserId},
    sessions::LiveSession,
};

/// The sizes of a signature's parts, in bytes: the user's id, and twice the beginning of an HMAC.
const USER: usize = 8;
const HALF: usize = (SIGNATURE - USER) / 2;
/// The first part of a seal's message, which tells its HMAC from that of a session.
const SEAL: &[u8] = b"seal";

/// The time after a refresh, 10 seconds, in which the token that was used still gets the same successor instead of
/// ending its session: for tabs that race, and for a response that got lost.
pub const GRACE: Duration = Duration::from_secs(10);

/// A refresh token as a client presents it, parsed but not yet known to be genuine: that takes its session from the
/// database ([`Presented::is_genuine`]).
pub struct Presented {
    /// The session that the token names.
    pub session: SessionId,
    counter: i64,
    signature: [u8; SIGNATURE],
}

/// The place of a genuine refresh token among those that its session has had, one after the other: each refresh
/// replaces the present token by the next.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// The session's present token: it may be exchanged.
    Current,
    /// The token before the present one, which replaced it less than [`GRACE`] ago: it gets the present one again.
    JustRotated,
    /// A token that was exchanged longer ago: there is a copy of it, and the session has to end.
    Reused,
    /// A token newer than the present one: the database was put back to an earlier state since.
    Unborn,
}

impl Presented {
    /// Reads a refresh token, `<session>.<counter>.<signature>`: two decimal numbers, and 32 bytes in base64url without
    /// padding, which are the user's id (8), a part that proves the session (12) and the seal (12). `None` if the text
    /// cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (session, counter, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let counter: i64 = counter.parse().ok().filter(|number: &i64| number.to_string() == counter)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?.try_into().ok()?;
        parts.next().is_none().then_some(Self { session: SessionId::parse(session)?, counter, signature })
    }

    /// The user whom this service made the token for by `signer`
    /// ([`Keys::refreshes`](crate::crypto::keys::Keys::refreshes)), read without a query, so that a refresh is counted
    /// for its user first. The last 12 bytes of the signature are an HMAC over all that comes before them (the *seal*);
    /// `None`, if that is wrong: the token is a stranger's, or older than seals are. Does not tell whether the session
    /// still stands.
    #[must_use]
    pub fn sealed_for(&self, signer: &Signer) -> Option<UserId> {
        let (sealed, seal) = self.signature.split_at(USER + HALF);
        let user = sealed.first_chunk().and_then(|user| UserId::new(i64::from_be_bytes(*user)));
        let parts: [&[u8]; 4] = [SEAL, &self.session.get().to_be_bytes(), &self.counter.to_be_bytes(), sealed];
        let is_sealed = signer.verify_beginning(&parts, seal);
        user.filter(|_| is_sealed)
    }

    /// Whether this service made the token for `session`: the part of its signature before the seal is the HMAC with the
    /// session's salt, by `signer` ([`Keys::refreshes`](crate::crypto::keys::Keys::refreshes)).
    #[must_use]
    pub fn is_genuine(&self, signer: &Signer, session: &LiveSession) -> bool {
        let (session_id, counter) = (self.session.get().to_be_bytes(), self.counter.to_be_bytes());
        let parts: [&[u8]; 3] = [&session_id, &counter, &session.refresh_salt];
        if self.sealed_for(signer).is_none() {
            return signer.verify(&parts, &self.signature);
        }
        self.signature.get(USER..USER + HALF).is_some_and(|half| signer.verify_beginning(&parts, half))
    }

    /// The place of the token among those of `session` at the moment `now`. Ask [`Presented::is_genuine`] first: the
    /// signature is not checked here.
    #[must_use]
    pub fn standing(&self, session: &LiveSession, now: Timestamp) -> Standing {
        let is_fresh = session.rotated_at.is_some_and(|rotated_at| now <= rotated_at.plus(GRACE));
        match session.refresh_counter.saturating_sub(self.counter) {
            0 => Standing::Current,
            1 if is_fresh => Standing::JustRotated,
            1.. => Standing::Reused,
            _ => Standing::Unborn,
        }
    }
}

/// Seals a signature: the last bytes are the seal of those before.
fn seal(signer: &Signer, session: i64, counter: i64, user: i64, half: [u8; HALF]) -> Vec<u8> {
    let mut signature = [user.to_be_bytes().as_slice(), &half].concat();
    let seal = signer.sign(&[SEAL, &session.to_be_bytes(), &counter.to_be_bytes(), &signature]);
    signature.extend(seal.iter().take(HALF));
    signature
}

/// The present refresh token of a session, computed by `signer`
/// ([`Keys::refreshes`](crate::crypto::keys::Keys::refreshes)) and never stored: the same text until the next refresh.
#[must_use]
pub fn token_of(signer: &Signer, session: &LiveSession) -> String {
    let (id, counter, user) = (session.id.get(), session.refresh_counter, session.subject().user.get());
    let signed = signer.sign(&[&id.to_be_bytes(), &counter.to_be_bytes(), &session.refresh_salt]);
    let half = signed.first_chunk().copied().unwrap_or_default();
    format!("{id}.{counter}.{}", URL_SAFE_NO_PAD.encode(seal(signer, id, counter, user, half)))
}

#[cfg(test)]
mod tests {
    use super::{Engine, HALF, Presented, Signer, URL_SAFE_NO_PAD, seal};
    use crate::ids::UserId;

    #[test]
    fn a_seal_tells_for_whom_a_token_was_made_and_nobody_else_can_make_one() {
        let (signer, other) = (Signer::new(&[7; 32], &[]), Signer::new(&[8; 32], &[]));
        let both = Signer::new(&[8; 32], &[[7; 32]]);
        let token = |user: i64| format!("7.3.{}", URL_SAFE_NO_PAD.encode(seal(&signer, 7, 3, user, [5; HALF])));
        let user_of = |signer: &Signer, text: &str| Presented::parse(text).expect("a token").sealed_for(signer);
        let ours = token(4711);
        let user = UserId::new(4711).expect("an id");
        assert_eq!(user_of(&signer, &ours), Some(user));
        assert_eq!(user_of(&both, &ours), Some(user));
        assert_eq!(user_of(&other, &ours), None);
        let unsealed = format!("7.3.{}", "A".repeat(43));
        for wrong in [ours.replacen("7.3.", "8.3.", 1), ours.replacen("7.3.", "7.4.", 1), token(0), unsealed] {
            assert_eq!(user_of(&signer, &wrong), None, "{wrong}");
        }
        assert!(Presented::parse(&format!("7.3.{}", "A".repeat(42))).is_none());
        assert!(Presented::parse(&format!("7.3.{}", "A".repeat(44))).is_none());
    }
}

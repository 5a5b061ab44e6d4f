//! Refresh tokens: `<session>.<counter>.<signature>`. The signature is an HMAC of the session, the counter and the
//! session's salt, so that the database holds nothing that could be presented, and the successor of a token can be
//! made again for a tab that came second (RFC 9700 §4.14: rotated at every use, and an old one ends the session).

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::signer::Signer;
use crate::{
    db::timestamp::Timestamp,
    sessions::{LiveSession, SessionId},
};

/// How long after a rotation the token before still gets the same successor: for tabs that race, and for an answer
/// that got lost.
pub const GRACE: Duration = Duration::from_secs(10);

/// A refresh token as somebody presents it. Only the session's salt can tell whether it is one.
pub struct Presented {
    pub session: SessionId,
    counter: i64,
    signature: Vec<u8>,
}

/// What a right token is good for.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the session's present one.
    Current,
    /// It is the one before, and its successor has only just been made.
    JustRotated,
    /// It was used before: somebody has a copy.
    Reused,
    /// It was never given out by this database, which was put back to an earlier state.
    Unborn,
}

impl Presented {
    /// Reads a token; none of what cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (session, counter, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let counter: i64 = counter.parse().ok().filter(|number: &i64| number.to_string() == counter)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        parts.next().is_none().then_some(Self { session: SessionId::parse(session)?, counter, signature })
    }

    /// Whether we have made it, for this session.
    #[must_use]
    pub fn is_genuine(&self, signer: &Signer, session: &LiveSession) -> bool {
        let parts = (self.session.get().to_be_bytes(), self.counter.to_be_bytes());
        signer.verify(&[&parts.0, &parts.1, &session.refresh_salt], &self.signature)
    }

    /// What a genuine one is good for now.
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

/// The present token of a session.
#[must_use]
pub fn token_of(signer: &Signer, session: &LiveSession) -> String {
    let (id, counter) = (session.id, session.refresh_counter);
    let signature = signer.sign(&[&id.to_be_bytes(), &counter.to_be_bytes(), &session.refresh_salt]);
    format!("{id}.{counter}.{}", URL_SAFE_NO_PAD.encode(signature))
}

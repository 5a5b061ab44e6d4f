//! A cache of access tokens that were verified before: a client sends the same one for minutes, and its signature need
//! not be computed for each request. Whether its session still stands the gate asks the database all the same, until it
//! finds that the session has ended.

use std::{cell::RefCell, collections::HashMap};

use super::access::AccessTokens;
use crate::{
    current_user::TokenSubject,
    db::timestamp::Timestamp,
    problem::{Kind, Problem},
};

/// The most tokens that are remembered, less than 1 KiB each.
const MOST: usize = 1_024;

/// The access tokens that one serving thread has verified before, by their whole text, since a client sends the same
/// one for minutes and its signature need not be computed each time. Only verified ones get in, so strangers cannot
/// fill it; a token beyond the 1,024th makes it forget all others. Whether a token's session still stands the gate
/// ([`gate`](crate::auth::gate::gate)) asks the database each time all the same, until [`VerifiedTokenCache::end`] says
/// that the session has ended, which is for good.
#[derive(Default)]
pub struct VerifiedTokenCache(RefCell<HashMap<Box<str>, VerifiedToken>>);

struct VerifiedToken {
    subject: TokenSubject,
    /// Whether the session was found to have ended; an ended one never begins again.
    has_ended: bool,
    /// The last second in which the token is valid, since 1970.
    until: i64,
}

impl VerifiedTokenCache {
    /// The subject of `token`: from the cache, or verified by `tokens` and remembered until it expires.
    ///
    /// # Errors
    /// `expired-token` and `invalid-token`, as [`AccessTokens::verify`]; `revoked-token`, when
    /// [`VerifiedTokenCache::end`] was told that the session has ended.
    pub fn verify(&self, tokens: &AccessTokens, token: &str) -> Result<TokenSubject, Problem> {
        if let Some(known) = self.0.borrow().get(token)
            && Timestamp::now().seconds() <= known.until
        {
            return if known.has_ended { Err(Kind::RevokedToken.into()) } else { Ok(known.subject) };
        }
        let (subject, until) = tokens.verify(token)?;
        let mut known = self.0.borrow_mut();
        if known.len() >= MOST {
            known.clear();
        }
        let _before = known.insert(token.into(), VerifiedToken { subject, has_ended: false, until });
        Ok(subject)
    }

    /// Remembers that the session of `token` has ended, so that the next request with it on this thread is refused
    /// without a query. A token that is not in the cache is ignored.
    pub fn end(&self, token: &str) {
        if let Some(known) = self.0.borrow_mut().get_mut(token) {
            known.has_ended = true;
        }
    }
}

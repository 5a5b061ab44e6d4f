//! Access tokens that were verified before. A client sends the same one for minutes, and its signature need not be
//! computed for each request. The session is another matter: the gate looks it up every time.

use std::{cell::RefCell, collections::HashMap};

use super::access::AccessTokens;
use crate::{
    current_user::TokenSubject,
    db::timestamp::Timestamp,
    problem::{Kind, Problem},
};

/// The most tokens that are remembered, less than 1 KiB each.
const MOST: usize = 1_024;

/// The verified tokens of one thread that serves requests, by their whole text. Only verified ones get in, so that
/// strangers cannot fill it, and the hash is keyed, so that none is found by trying.
#[derive(Default)]
pub struct VerifiedTokenCache(RefCell<HashMap<Box<str>, VerifiedToken>>);

struct VerifiedToken {
    bearer: TokenSubject,
    /// Whether the session was found to have ended; an ended one never begins again.
    has_ended: bool,
    /// The last second in which the token is valid, since 1970.
    until: i64,
}

impl VerifiedTokenCache {
    /// The subject of `token`.
    ///
    /// # Errors
    /// The errors of [`AccessTokens::verify`]; `revoked-token`, when the session is known to have ended.
    pub fn verify(&self, tokens: &AccessTokens, token: &str) -> Result<TokenSubject, Problem> {
        if let Some(known) = self.0.borrow().get(token)
            && Timestamp::now().seconds() <= known.until
        {
            return if known.has_ended { Err(Kind::RevokedToken.into()) } else { Ok(known.bearer) };
        }
        let (bearer, until) = tokens.verify(token)?;
        let mut known = self.0.borrow_mut();
        if known.len() >= MOST {
            known.clear();
        }
        let _before = known.insert(token.into(), VerifiedToken { bearer, has_ended: false, until });
        Ok(bearer)
    }

    /// Remembers that the session of `token` has ended, so that the next request with it needs no query.
    pub fn end(&self, token: &str) {
        if let Some(known) = self.0.borrow_mut().get_mut(token) {
            known.has_ended = true;
        }
    }
}

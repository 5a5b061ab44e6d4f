//! Access tokens that were found valid a while ago. A client sends the same one for minutes, and what was computed
//! once need not be computed for each request. The session is another matter: the gate asks for it every time.

use std::{cell::RefCell, collections::HashMap};

use super::access::AccessTokens;
use crate::{
    db::timestamp::Timestamp,
    problem::{Kind, Problem},
    sessions::TokenSubject,
};

/// How many are remembered, less than 1 KiB each.
const MOST: usize = 1_024;

/// The tokens of one thread that serves requests, by their whole text. Only what verified gets in, so nobody fills it
/// with what is none of ours, and the hash is keyed, so nobody finds one by trying.
#[derive(Default)]
pub struct VerifiedTokenCache(RefCell<HashMap<Box<str>, VerifiedToken>>);

struct VerifiedToken {
    bearer: TokenSubject,
    /// Whether its session was found to have ended. None begins again.
    has_ended: bool,
    /// The last second in which it is valid, since 1970.
    until: i64,
}

impl VerifiedTokenCache {
    /// Whom `token` speaks for.
    ///
    /// # Errors
    /// As [`AccessTokens::verify`]; `revoked-token` when its session is known to have ended.
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

    /// Remembers that the session of `token` has ended, so that nobody is asked again whoever goes on sending it.
    pub fn end(&self, token: &str) {
        if let Some(known) = self.0.borrow_mut().get_mut(token) {
            known.has_ended = true;
        }
    }
}

//! The tokens of a login, and of each refresh after it: an access token, and the refresh token that is exchanged for
//! the next pair.

use actix_web::{HttpResponse, http::header::SET_COOKIE, web::Data};

use super::{
    access::AccessTokens,
    cookie::{self, Delivery},
    refresh,
};
use crate::{
    auth::wire::TokensOut,
    crypto::keys::Keys,
    db::timestamp::Timestamp,
    problem::Problem,
    sessions::{LiveSession, SessionLifetimes},
    users::UserOut,
};

/// The maker of the tokens that a login or a refresh hands out: an access token and a refresh token.
pub struct Issuer {
    /// The issuer of access tokens.
    pub access: AccessTokens,
    /// The keys, of which [`Keys::refreshes`] signs refresh tokens.
    pub keys: Data<Keys>,
    /// The lifetimes of sessions, and so of refresh tokens.
    pub lives: SessionLifetimes,
}

impl Issuer {
    /// The response (200) that hands out a new access token and the present refresh token of a session: in the body, or
    /// the refresh token in a cookie, as `delivery` says. The body shows `user`, the session's user, beside them.
    ///
    /// # Errors
    /// `internal-error`, when the system gives no random numbers.
    pub fn answer(&self, session: &LiveSession, user: UserOut, delivery: Delivery) -> Result<HttpResponse, Problem> {
        let refresh_token = refresh::token_of(&self.keys.refreshes, session);
        let mut answer = HttpResponse::Ok();
        if delivery == Delivery::Cookie {
            let seconds = session.expires_at.since(Timestamp::now()).as_secs().max(1);
            let _one =
                answer.insert_header((SET_COOKIE, cookie::set(&refresh_token, seconds).map_err(Problem::internal)?));
        }
        Ok(answer.json(TokensOut {
            access_token: self.access.issue(session.subject())?,
            token_type: "Bearer",
            expires_in: self.access.life.as_secs(),
            refresh_token: (delivery == Delivery::Body).then_some(refresh_token),
            user,
        }))
    }
}

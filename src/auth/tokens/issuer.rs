//! The tokens of a login, and of each refresh after it: an access token, and the refresh token that gets the next.

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

/// The maker of access and refresh tokens.
pub struct Issuer {
    pub access: AccessTokens,
    pub keys: Data<Keys>,
    pub lives: SessionLifetimes,
}

impl Issuer {
    /// The response that hands out a session's present tokens.
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
            access_token: self.access.issue(session.bearer())?,
            token_type: "Bearer",
            expires_in: self.access.life.as_secs(),
            refresh_token: (delivery == Delivery::Body).then_some(refresh_token),
            user,
        }))
    }
}

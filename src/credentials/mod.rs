//! Credentials: what proves that a request is its user's, the access token of a session or an API key. The gate asks
//! once whether it still stands; what takes long, or cannot be undone, asks again.
//!
//! # Why an API key is stored as a plain hash
//!
//! A password is hashed slowly (argon2id) because people choose it, and whoever has the hash could try them all. A key
//! is 256 random bits: nobody tries those, so one round of SHA-256 keeps it, finds its row by an index, and costs a
//! request next to nothing. (GitHub, Laravel Sanctum and the Rust package registry store theirs so.) Its prefix and its
//! sum are for programs that search published code for secrets, and a key whose sum is wrong is refused without a look
//! at the database.
//!
//! # Why no request writes that a key was used
//!
//! Reads that write would be as dear as writes. A process remembers which keys it has seen ([`KeyUses`]),
//! and the sweeper writes their day once in an hour, in one statement.

mod key;
mod repo;
mod uses;

use actix_web::{HttpMessage, HttpRequest, web::Data};

pub use self::{
    key::{ApiKeyText, looks_like_key},
    repo::find_by_key,
    uses::KeyUses,
};
use crate::{
    current_user::{Credential, CurrentUser, TokenSubject},
    db::{Conn, Db},
    problem::Problem,
    sessions,
};

/// Checks again that the session or API key of a request still stands, as the gate ([`gate`](crate::auth::gate::gate))
/// did at its beginning: for work that takes long.
///
/// # Errors
/// `revoked-token`, when the session has ended; `revoked-api-key`, when the key was deleted; `expired-api-key`; the
/// database's errors ([`Conn`]).
pub fn require_valid(conn: &mut Conn, me: CurrentUser) -> Result<(), Problem> {
    match me.credential {
        Credential::Session { id, logged_in_at } => {
            let subject = TokenSubject { user: me.id, session: id, auth_time: logged_in_at.seconds() };
            sessions::find_current_user(conn, subject).map(drop)
        }
        Credential::ApiKey { id, .. } => repo::require_valid_key(conn, me.id, id),
    }
}

/// Checks that the session or API key of a request still stands, inside the transaction that does what cannot be
/// undone: the request may have waited for it, and the credential ended meanwhile. A transaction that ends it comes
/// wholly before or after this one.
///
/// # Errors
/// `revoked-token`, when the session has ended; `revoked-api-key`, when the key was deleted; `expired-api-key`; the
/// database's errors ([`Conn`]).
pub fn require_live(conn: &mut Conn, me: CurrentUser) -> Result<(), Problem> {
    match me.credential {
        Credential::Session { id, .. } => sessions::require_live(conn, me.id, id),
        Credential::ApiKey { id, .. } => repo::require_live_key(conn, me.id, id),
    }
}

/// Checks again, after the body of a request has come, that its session or API key still stands: a client must not keep
/// an ended one open by holding a body back. Nothing is checked on a route that is not behind the gate
/// ([`gate`](crate::auth::gate::gate)).
///
/// # Errors
/// `revoked-token`, when the session has ended; `revoked-api-key`, when the key was deleted; `expired-api-key`; the
/// database's errors ([`Conn`]).
pub async fn reauthenticate(request: &HttpRequest) -> Result<(), Problem> {
    let me = request.extensions().get::<CurrentUser>().copied();
    let (Some(me), Some(db)) = (me, request.app_data::<Data<Db>>()) else { return Ok(()) };
    db.read(move |conn| require_valid(conn, me)).await
}

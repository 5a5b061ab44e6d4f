//! The user of a request, whom the gate (`auth::gate`) finds and handlers take as an extractor: [`CurrentUser`],
//! whether an access token or an API key proved it, or [`LoggedInUser`], where nothing but a login will do.

use std::{
    fmt,
    future::{Ready, ready},
    time::Duration,
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{self, HeaderValue},
};

use crate::{
    db::timestamp::Timestamp,
    ids::{ApiKeyId, SessionId, UserId},
    problem::{Kind, Problem},
    workers::Flow,
};

/// The time for which a login is fresh, and allows what a stolen token must not: to change the address, to make an API
/// key, to delete the account.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// The challenge to an API key that only reads.
const WRITE_NEEDED: HeaderValue = HeaderValue::from_static(
    r#"Bearer error="insufficient_scope", error_description="the key only reads", scope="write""#,
);

/// The subject of an access token: its claims `sub`, `sid` and `auth_time`. A token whose signature is valid proves
/// them, but the session may have ended since; the gate ([`gate`](crate::auth::gate::gate)) looks that up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenSubject {
    /// The user that the token speaks for (`sub`).
    pub user: UserId,
    /// The session that the token belongs to (`sid`).
    pub session: SessionId,
    /// The time of the login with a password, in seconds since 1970 (`auth_time`); a refresh does not make it newer.
    pub auth_time: i64,
}

/// The scope of an API key: what a program that has it may do on the routes that take API keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// GET and HEAD only.
    Read,
    /// GET, HEAD and every method that changes something.
    Write,
}

impl Scope {
    /// The scope's name in JSON and in the database: `read` or `write`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// The scope called `read` or `write`; `None` for any other name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Read, Self::Write].into_iter().find(|scope| scope.as_str() == name)
    }
}

/// The proof by which a request was authenticated: the access token of a session, or an API key.
#[derive(Clone, Copy, Debug)]
pub enum Credential {
    /// An access token of a session.
    Session {
        /// The session, which a logout ends.
        id: SessionId,
        /// The time of the login with a password; a refresh does not make it newer.
        logged_in_at: Timestamp,
    },
    /// An API key, made by the user for a program.
    ApiKey {
        /// The API key, not its text.
        id: ApiKeyId,
        /// The key's scope: whether it may write.
        scope: Scope,
    },
}

/// The text that names the credential in the log: `session 7` or `API key 7`.
impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session { id, .. } => write!(f, "session {id}"),
            Self::ApiKey { id, .. } => write!(f, "API key {id}"),
        }
    }
}

/// The user of a request, and the credential that proved it. An extractor: the gate ([`gate`](crate::auth::gate::gate))
/// provides it, so a handler that takes it can only be reached with a valid access token or API key. Use
/// [`LoggedInUser`] where an API key will not do.
#[derive(Clone, Copy, Debug)]
pub struct CurrentUser {
    /// The user on whose behalf the handler runs.
    pub id: UserId,
    /// The session or API key that authenticated the request.
    pub credential: Credential,
}

impl CurrentUser {
    /// The user that the gate ([`gate`](crate::auth::gate::gate)) found for this request.
    ///
    /// # Errors
    /// `internal-error`, when the route is not behind the gate.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let me = request.extensions().get::<Self>().copied();
        me.ok_or_else(|| Problem::internal("a handler behind no gate asks for the current user"))
    }

    /// The id of the API key that the request came with; `None` for an access token.
    #[must_use]
    pub fn key_id(&self) -> Option<ApiKeyId> {
        match self.credential {
            Credential::ApiKey { id, .. } => Some(id),
            Credential::Session { .. } => None,
        }
    }

    /// The user as a [`LoggedInUser`], if the request came with an access token and not with an API key.
    ///
    /// # Errors
    /// `insufficient-scope` for an API key, of whichever scope.
    pub fn require_login(self) -> Result<LoggedInUser, Problem> {
        match self.credential {
            Credential::Session { id, logged_in_at } => Ok(LoggedInUser { id: self.id, session: id, logged_in_at }),
            Credential::ApiKey { .. } => Err(Kind::InsufficientScope.into()),
        }
    }

    /// Checks that the request may write: it came with an access token, or with an API key of the scope `write`.
    ///
    /// # Errors
    /// `insufficient-scope` for an API key of the scope `read`; the response names the scope that is needed (RFC 6750
    /// §3.1).
    pub fn require_write(self) -> Result<(), Problem> {
        let Credential::ApiKey { scope: Scope::Read, .. } = self.credential else { return Ok(()) };
        let problem = Problem::new(Kind::InsufficientScope).with_header(header::WWW_AUTHENTICATE, WRITE_NEEDED);
        Err(problem.with_detail("This key only reads. Make one with the scope write, or log in."))
    }
}

impl FromRequest for CurrentUser {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

/// The user of a request with an access token. An extractor: a handler that takes it refuses API keys
/// (`insufficient-scope`), for what only people who gave their password may do, such as to end sessions or to make API
/// keys.
#[derive(Clone, Copy, Debug)]
pub struct LoggedInUser {
    /// The user on whose behalf the handler runs.
    pub id: UserId,
    /// The session that the access token belongs to.
    pub session: SessionId,
    /// The time of the login with a password; a refresh does not make it newer.
    pub logged_in_at: Timestamp,
}

impl LoggedInUser {
    /// Whether the password was given in the last 5 minutes; a refresh of the tokens does not count.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        Timestamp::now().since(self.logged_in_at) <= FRESH
    }

    /// Checks that the password was given in the last 5 minutes, before what a stolen token must not do (RFC 9470).
    ///
    /// # Errors
    /// `fresh-login-required`, when the login is longer ago.
    pub fn require_fresh_login(&self) -> Result<(), Problem> {
        if self.is_fresh() { Ok(()) } else { Err(Kind::FreshLoginRequired.into()) }
    }
}

impl FromRequest for LoggedInUser {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(CurrentUser::of(request).and_then(CurrentUser::require_login))
    }
}

/// The [`Flow`] of a user, under which the user's jobs queue for the database and take turns with those of other
/// callers.
#[must_use]
pub fn flow(user: UserId) -> Flow {
    Flow::User(user.get())
}

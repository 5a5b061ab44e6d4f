//! The current user, whom the gate finds and handlers take: [`CurrentUser`], whatever the request was authenticated by,
//! or [`LoggedInUser`], where nothing but a login will do.

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

/// The subject of a valid access token: its claims `sub`, `sid` and `auth_time`. The session may have ended since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenSubject {
    pub user: UserId,
    pub session: SessionId,
    /// The time of the login, in seconds since 1970; a refresh does not make it newer.
    pub auth_time: i64,
}

/// The part of the routes for API keys that a key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// GET and HEAD.
    Read,
    /// Every method.
    Write,
}

impl Scope {
    /// The scope's name, in JSON and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// The scope with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Read, Self::Write].into_iter().find(|scope| scope.as_str() == name)
    }
}

/// The proof that a request is its user's.
#[derive(Clone, Copy, Debug)]
pub enum Credential {
    /// An access token of a session.
    Session {
        id: SessionId,
        /// The time of the login with a password; a refresh does not make it newer.
        logged_in_at: Timestamp,
    },
    /// An API key of one of the user's programs.
    ApiKey {
        id: ApiKeyId,
        /// The scope, which says whether the key writes.
        scope: Scope,
    },
}

/// As the log names it.
impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session { id, .. } => write!(f, "session {id}"),
            Self::ApiKey { id, .. } => write!(f, "API key {id}"),
        }
    }
}

/// The user of a request, and the credential that it came with. An extractor: a handler that takes it needs a user, and
/// only the gate can provide one.
#[derive(Clone, Copy, Debug)]
pub struct CurrentUser {
    pub id: UserId,
    pub credential: Credential,
}

impl CurrentUser {
    /// The user of a request behind the gate.
    ///
    /// # Errors
    /// `internal-error`, when there is no gate before the handler.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let me = request.extensions().get::<Self>().copied();
        me.ok_or_else(|| Problem::internal("a handler behind no gate asks for the current user"))
    }

    /// The id of the API key, if the request was authenticated by one.
    #[must_use]
    pub fn key_id(&self) -> Option<ApiKeyId> {
        match self.credential {
            Credential::ApiKey { id, .. } => Some(id),
            Credential::Session { .. } => None,
        }
    }

    /// The user, if the request was authenticated by an access token.
    ///
    /// # Errors
    /// `insufficient-scope`, when it was by an API key, of whichever scope.
    pub fn require_login(self) -> Result<LoggedInUser, Problem> {
        match self.credential {
            Credential::Session { id, logged_in_at } => Ok(LoggedInUser { id: self.id, session: id, logged_in_at }),
            Credential::ApiKey { .. } => Err(Kind::InsufficientScope.into()),
        }
    }

    /// Checks that the user may write: with an access token, or with an API key of the scope `write`.
    ///
    /// # Errors
    /// `insufficient-scope`, which names the scope that is needed (RFC 6750 §3.1).
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
/// (`insufficient-scope`), which have no session, and with which no password was given.
#[derive(Clone, Copy, Debug)]
pub struct LoggedInUser {
    pub id: UserId,
    pub session: SessionId,
    /// The time of the login with a password; a refresh does not make it newer.
    pub logged_in_at: Timestamp,
}

impl LoggedInUser {
    /// Whether the password was given in the last 5 minutes.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        Timestamp::now().since(self.logged_in_at) <= FRESH
    }

    /// Checks that the password was given in the last 5 minutes (RFC 9470).
    ///
    /// # Errors
    /// `fresh-login-required`, when that is longer ago.
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

/// The [`Flow`] of a user's jobs, which take turns with those of other callers.
#[must_use]
pub fn flow(user: UserId) -> Flow {
    Flow::User(user.get())
}

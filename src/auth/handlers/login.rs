//! `POST /auth/login`, step by step: which user is meant, whether a lock after wrong passwords is in the way, whether
//! the password is right, and the session that begins then.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderMap},
    web::Data,
};

use crate::{
    accounts::LoginKey,
    auth::{
        passwords::{
            hasher::Hasher,
            password::{Password, Verdict},
        },
        throttle::{
            attempt::Attempt,
            lock::{FailureKey, Lock, known_as},
            repo::Failures,
        },
        tokens::{cookie::Delivery, issuer::Issuer},
        wire::LoginIn,
    },
    body::Valid,
    cors::Cors,
    crypto::{PasswordHash, signer::Signer},
    db::{Conn, Db, timestamp::Timestamp},
    headers::lossy_text,
    ids::UserId,
    limits::{Limits, Source},
    problem::{Kind, Problem},
    sessions::{ClientInfo, LiveSession, Sessions, has_begun_at},
    users::{UserRow, Users},
};

/// The most characters of a `User-Agent` that are kept.
const LONGEST_USER_AGENT: usize = 255;

/// `POST /auth/login`: checks a username or an e-mail address and a password, begins a session, and responds with its
/// tokens, the refresh token in a cookie if the body asks for that. A wrong password makes the next try wait.
///
/// # Errors
/// `invalid-credentials`, whether the account or the password is wrong; `too-many-attempts`, while the next try has to
/// wait; `too-many-requests`; `cross-site` and `foreign-origin` for a cookie; the database's errors ([`Db::write`]).
pub async fn login(
    request: HttpRequest,
    body: Valid<LoginIn>,
    hasher: Data<Hasher>,
    issuer: Data<Issuer>,
    cors: Data<Cors>,
    db: Data<Db>,
) -> Result<HttpResponse, Problem> {
    let LoginIn { login, password, delivery } = body.0;
    if delivery == Delivery::Cookie {
        cors.check_cookie(request.headers())?;
    }
    let limits = Limits::of(&request)?;
    let source = limits.proxies.source(&request);
    limits.login.count(&request, source)?;
    let (login, user_agent) = (LoginKey::of(&login), user_agent(request.headers()));
    let login_attempt = Login { hasher: &hasher, issuer: &issuer, db: &db, source };
    let (session, user) = login_attempt.log_in(login, password, user_agent).await?;
    tracing::info!(target: "kennel::security", user_id = user.id.get(), session_id = session.id.get(), "login");
    issuer.answer(&session, user.into(), delivery)
}

/// A request to log in: its address, and the services that it needs.
struct Login<'a> {
    hasher: &'a Hasher,
    issuer: &'a Data<Issuer>,
    db: &'a Db,
    source: Source,
}

/// The account that a login may mean: its stored hash, and the lock that is in the way.
struct Candidate {
    stored: Option<PasswordHash>,
    /// The failures of this name from this network, which count once the user has logged in from there.
    here: FailureKey,
    attempt: Attempt,
    lock: Option<Lock>,
}

/// A user whose password was given.
struct Proven {
    user: UserId,
    /// The counters to clear: the failures under this name from anywhere, and from this network.
    forgiven: [FailureKey; 2],
    /// The hash that the password was checked against, and the one to store from now on.
    checked: PasswordHash,
    kept: PasswordHash,
}

impl Login<'_> {
    /// The session that a right password earns, and its user.
    async fn log_in(
        &self,
        login: LoginKey,
        password: Password,
        user_agent: Option<String>,
    ) -> Result<(LiveSession, UserRow), Problem> {
        let login = Arc::new(login);
        // Once more, if the hash has changed while the password was checked: another login may have stored it under
        // today's parameters.
        for _ in 0..2 {
            let proven = self.prove(&login, password.clone()).await?;
            if let Some(begun) = self.begin(proven, user_agent.clone()).await? {
                return Ok(begun);
            }
        }
        Err(Self::failed(None))
    }

    /// Checks the password. A locked login is refused without a hash.
    async fn prove(&self, login: &Arc<LoginKey>, password: Password) -> Result<Proven, Problem> {
        let (login, issuer, source) = (Arc::clone(login), Data::clone(self.issuer), self.source);
        let find = move |conn: &mut _| Candidate::find(conn, &login, &issuer.keys.sources, source);
        let Candidate { stored, here, attempt, lock } = self.db.read(find).await?;
        if let Some(lock) = lock {
            return Err(attempt.refused(lock));
        }
        let verdict = attempt.check(self.db, self.hasher, password, stored.clone()).await?;
        let (Some(user), Some(checked), Verdict::Right { rehashed }) = (attempt.user, stored, verdict) else {
            return Err(Self::failed(attempt.user));
        };
        let kept = rehashed.unwrap_or_else(|| checked.clone());
        Ok(Proven { user, forgiven: [attempt.failures, here], checked, kept })
    }

    /// Begins the session, if the password is still the one that was checked: it may have changed meanwhile.
    async fn begin(
        &self,
        proven: Proven,
        user_agent: Option<String>,
    ) -> Result<Option<(LiveSession, UserRow)>, Problem> {
        let Proven { user, forgiven, checked, kept } = proven;
        let source = known_as(&self.issuer.keys.sources, Some(user), self.source).first().copied();
        let client = ClientInfo { user_agent, source: source.unwrap_or_default() };
        let lives = self.issuer.lives;
        let begin = move |conn: &mut _| {
            if !Users::of(user).replace_hash(conn, &checked, &kept)? {
                return Ok(None);
            }
            for key in forgiven {
                Failures::of(key).clear(conn)?;
            }
            let session = Sessions::of(user).create(conn, lives, &client)?;
            Ok(Some((session, Users::of(user).show(conn)?)))
        };
        self.db.write(begin).await
    }

    fn failed(user: Option<UserId>) -> Problem {
        let user_id = user.map(UserId::get);
        tracing::info!(target: "kennel::security", user_id, "login_failed");
        Problem::new(Kind::InvalidCredentials)
    }
}

impl Candidate {
    /// Looks the account up, with the same queries for an unknown name, so that the time tells nothing.
    fn find(conn: &mut Conn, login: &LoginKey, signer: &Signer, source: Source) -> Result<Self, Problem> {
        let (user, stored) = Users::find_for_login(conn, login)?.map(|found| (found.id, found.password_hash)).unzip();
        let is_known = has_begun_at(conn, user, &known_as(signer, user, source))?;
        let here = FailureKey::of_known_source(signer, login, source);
        let failures = if is_known { here } else { FailureKey::of_login(signer, login) };
        let lock = Failures::of(failures).lock(conn, Timestamp::now())?;
        Ok(Self { stored, here, attempt: Attempt { user, failures, wider: None }, lock })
    }
}

/// The client's name for itself, so that people can tell their sessions apart.
fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = lossy_text(headers.get(header::USER_AGENT)?.as_bytes(), LONGEST_USER_AGENT);
    Some(text).filter(|text| !text.is_empty())
}

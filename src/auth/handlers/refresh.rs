//! `POST /auth/refresh`: how a session's tokens are exchanged for new ones.

use std::{collections::BTreeSet, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, http::header::SET_COOKIE, web::Data};

use crate::{
    auth::{
        tokens::{
            cookie::{self, Cookies, Delivery},
            issuer::Issuer,
            refresh::{Presented, Standing},
        },
        wire::RefreshIn,
    },
    body::Optional,
    cors::Cors,
    current_user::{TokenSubject, flow},
    db::{Conn, Db, timestamp::Timestamp},
    ids::UserId,
    limits::Limits,
    problem::{Kind, Problem},
    sessions::{LiveSession, Sessions, find_live},
    users::{UserRow, Users},
    workers::Flow,
};

/// The event of a session that ends because a copy of its token came.
const REUSE: &str = "refresh_reuse";

/// `POST /auth/refresh`: exchanges a session's refresh token (in the body or a cookie) for new tokens. A token that was
/// exchanged before ends its session, as there must be a copy of it (RFC 9700 §4.14), unless that was less than 10
/// seconds ago ([`GRACE`](crate::auth::tokens::refresh::GRACE)): then it gets the same refresh token as the first time.
///
/// # Errors
/// `invalid-refresh-token`, when the token is not valid any more; `too-many-requests`; `cross-site` and
/// `foreign-origin` for a cookie; the database's errors ([`Db::write`]).
pub async fn refresh(
    request: HttpRequest,
    body: Optional<RefreshIn>,
    issuer: Data<Issuer>,
    cors: Data<Cors>,
    db: Data<Db>,
) -> Result<HttpResponse, Problem> {
    let (Cookies { tokens, has_old }, delivery) = sent(body.0, &request, &cors)?;
    let tokens = parsed(&tokens);
    let flow = count(&tokens, &request, &issuer)?;
    let Some((session, user)) = flow.scope(renew(tokens, &issuer, &db)).await? else {
        // Without a good token it is a guess; where no token is sealed the address was counted already.
        if matches!(flow, Flow::User(_)) {
            Limits::of(&request)?.count_anonymous(&request)?;
        }
        return Err(Kind::InvalidRefreshToken.into());
    };
    let mut answer = issuer.answer(&session, user.into(), delivery)?;
    if has_old {
        answer.headers_mut().append(SET_COOKIE, cookie::old_cleared().map_err(Problem::internal)?);
    }
    Ok(answer)
}

/// The refresh tokens of a request, and where they came: in the body, which goes first, or in the cookie.
fn sent(body: Option<RefreshIn>, request: &HttpRequest, cors: &Cors) -> Result<(Cookies, Delivery), Problem> {
    match body.and_then(|body| body.refresh_token) {
        Some(token) => Ok((Cookies { tokens: vec![token], has_old: false }, Delivery::Body)),
        None => Ok((cookie::admitted(request, cors)?, Delivery::Cookie)),
    }
}

/// Counts a request before any of its tokens is looked up: for each user whom this service has made a token for, or, if
/// there is none, for the address. Returns the flow in whose turn the tokens are looked up.
fn count(tokens: &[Presented], request: &HttpRequest, issuer: &Issuer) -> Result<Flow, Problem> {
    let (flow, limits) = (flow_of(tokens, issuer), Limits::of(request)?);
    if !matches!(flow, Flow::User(_)) {
        return limits.count_anonymous(request).map(|()| flow);
    }
    let users: BTreeSet<i64> = makers(tokens, issuer).map(UserId::get).collect();
    users.into_iter().try_for_each(|user| limits.refresh.count(request, user)).map(|()| flow)
}

/// The flow of the first user whom this service has made one of the tokens for, or that of the caller.
pub(super) fn flow_of(tokens: &[Presented], issuer: &Issuer) -> Flow {
    makers(tokens, issuer).next().map_or_else(Flow::current, flow)
}

/// The users whom this service has made tokens for, as far as the tokens tell.
fn makers<'a>(tokens: &'a [Presented], issuer: &'a Issuer) -> impl Iterator<Item = UserId> + 'a {
    tokens.iter().filter_map(|token| token.sealed_for(&issuer.keys.refreshes))
}

/// The outcome of all refresh tokens of a request together.
enum RefreshOutcome {
    /// The first good token, with its session and user.
    Good(Standing, LiveSession, UserRow),
    /// No good token, but copies of used tokens: the sessions to end.
    Reused(Vec<TokenSubject>),
    Nothing,
}

/// The session that one of the tokens renews, and its user; `None` without a good token.
async fn renew(
    tokens: Arc<[Presented]>,
    issuer: &Data<Issuer>,
    db: &Db,
) -> Result<Option<(LiveSession, UserRow)>, Problem> {
    let lives = issuer.lives;
    // The loser of a race for the rotation looks again, and finds the winner's token.
    loop {
        let (tokens, issuer) = (Arc::clone(&tokens), Data::clone(issuer));
        let (standing, session, user) = match db.read(move |conn| find(conn, &tokens, &issuer)).await? {
            RefreshOutcome::Good(standing, session, user) => (standing, session, user),
            RefreshOutcome::Reused(subjects) => return end(subjects, REUSE, db).await.map(|()| None),
            RefreshOutcome::Nothing => return Ok(None),
        };
        if standing == Standing::JustRotated {
            return Ok(Some((session, user)));
        }
        let (user_id, session_id) = (user.id.get(), session.id.get());
        if let Some(next) = db.write(move |conn| Sessions::rotate(conn, &session, lives)).await? {
            tracing::info!(target: "kennel::security", user_id, session_id, "refresh");
            return Ok(Some((next, user)));
        }
    }
}

/// Finds the good token wherever it stands: a neighbouring host may have put cookies before it.
fn find(conn: &mut Conn, tokens: &[Presented], issuer: &Issuer) -> Result<RefreshOutcome, Problem> {
    let genuine = genuine(conn, tokens, issuer)?;
    let now = Timestamp::now();
    let mut standings = genuine.iter().map(|(token, session)| (token.standing(session, now), session));
    let is_good = |standing: &Standing| matches!(standing, Standing::Current | Standing::JustRotated);
    if let Some((standing, session)) = standings.find(|(standing, _)| is_good(standing)) {
        return match Users::of(session.subject().user).show(conn) {
            // The user was deleted between the two queries.
            Err(problem) if problem.kind() == Kind::RevokedToken => Ok(RefreshOutcome::Nothing),
            user => user.map(|user| RefreshOutcome::Good(standing, session.clone(), user)),
        };
    }
    let reused = genuine.iter().filter(|(token, session)| token.standing(session, now) == Standing::Reused);
    let reused: Vec<_> = reused.map(|(_, session)| session.subject()).collect();
    Ok(if reused.is_empty() { RefreshOutcome::Nothing } else { RefreshOutcome::Reused(reused) })
}

/// The genuine tokens, however old, each with its session; without those whose session has ended.
pub(super) fn genuine<'a>(
    conn: &mut Conn,
    tokens: &'a [Presented],
    issuer: &Issuer,
) -> Result<Vec<(&'a Presented, LiveSession)>, Problem> {
    let ids: Vec<_> = tokens.iter().map(|token| token.session).collect();
    let sessions = find_live(conn, &ids)?;
    let of_session = |token: &'a Presented| {
        let session = sessions.iter().find(|session| session.id == token.session)?;
        token.is_genuine(&issuer.keys.refreshes, session).then(|| (token, session.clone()))
    };
    Ok(tokens.iter().filter_map(of_session).collect())
}

/// The texts that can be refresh tokens; any other is left out.
pub(super) fn parsed(tokens: &[String]) -> Arc<[Presented]> {
    tokens.iter().filter_map(|token| Presented::parse(token)).collect()
}

/// Ends sessions, in one transaction, and logs each that had not ended before.
pub(super) async fn end(subjects: Vec<TokenSubject>, event: &'static str, db: &Db) -> Result<(), Problem> {
    if subjects.is_empty() {
        return Ok(());
    }
    let end = move |conn: &mut _| {
        let mut ended = Vec::new();
        for TokenSubject { user, session, .. } in &subjects {
            if Sessions::of(*user).end(conn, *session)? {
                ended.push((user.get(), session.get()));
            }
        }
        Ok(ended)
    };
    for (user_id, session_id) in db.write(end).await? {
        if event == REUSE {
            tracing::warn!(target: "kennel::security", user_id, session_id, "{event}");
        } else {
            tracing::info!(target: "kennel::security", user_id, session_id, "{event}");
        }
    }
    Ok(())
}

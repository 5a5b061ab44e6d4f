//! How a login is kept, and ended: `POST /auth/refresh` and `POST /auth/logout`, the only two that look at the cookie.

use std::{collections::BTreeSet, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, http::header::SET_COOKIE, web::Data};

use crate::{
    auth::{
        gate::presented_token,
        tokens::{
            cookie::{self, Cookies, Delivery},
            issuer::Issuer,
            refresh::{Maker, Presented, Standing},
        },
        wire::{MessageOut, RefreshIn},
    },
    body::Optional,
    db::{Conn, Db, timestamp::Timestamp},
    ids::UserId,
    limits::{Limits, Source},
    middleware::cors::Cors,
    problem::{Kind, Problem},
    sessions::{LiveSession, Sessions, TokenSubject, find_live, flow},
    users::{UserRow, Users},
    workers::Flow,
};

/// Events: a session ends because its user wants it, or because a copy of its token came.
const LOGOUT: &str = "logout";
const REUSE: &str = "refresh_reuse";

/// `POST /auth/refresh`
pub async fn refresh(
    request: HttpRequest,
    body: Optional<RefreshIn>,
    issuer: Data<Issuer>,
    cors: Data<Cors>,
    db: Data<Db>,
) -> Result<HttpResponse, Problem> {
    let (tokens, delivery, has_old) = if let Some(token) = body.0.and_then(|body| body.refresh_token) {
        (vec![token], Delivery::Body, false)
    } else {
        let Cookies { tokens, has_old } = cookie::admitted(&request, &cors)?;
        (tokens, Delivery::Cookie, has_old)
    };
    let tokens = parsed(&tokens);
    let flow = count(&tokens, &request, &issuer)?;
    let source = Limits::of(&request)?.proxies.source(&request);
    let Some((session, user)) = flow.scope(renew(tokens, source, &issuer, &db)).await? else {
        // A token that is good for nothing is a guess, and counts for the address once.
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

/// Counts a request before any of its tokens is looked up: for each user whom this service has made one for, or, if
/// none tells so, for the address. Gives the flow in whose turn they are looked up.
fn count(tokens: &[Presented], request: &HttpRequest, issuer: &Issuer) -> Result<Flow, Problem> {
    let (flow, limits) = (flow_of(tokens, issuer), Limits::of(request)?);
    if !matches!(flow, Flow::User(_)) {
        return limits.count_anonymous(request).map(|()| flow);
    }
    let users: BTreeSet<i64> = makers(tokens, issuer).map(UserId::get).collect();
    users.into_iter().try_for_each(|user| limits.refresh.count(request, user)).map(|()| flow)
}

/// The first user whom this service has made one of the tokens for, or the caller.
fn flow_of(tokens: &[Presented], issuer: &Issuer) -> Flow {
    makers(tokens, issuer).next().map_or_else(Flow::current, flow)
}

/// The users whom this service has made tokens for, as far as the tokens tell.
fn makers<'a>(tokens: &'a [Presented], issuer: &'a Issuer) -> impl Iterator<Item = UserId> + 'a {
    tokens.iter().filter_map(|token| match token.maker(&issuer.keys.refreshes) {
        Maker::Service(user) => Some(user),
        Maker::Unknown => None,
    })
}

/// The worth of all tokens of a request together.
enum RefreshOutcome {
    /// A good token: the first of those that are, with its session and user.
    Good(Standing, LiveSession, UserRow),
    /// No good token, but copies of used ones, of these sessions.
    Reused(Vec<TokenSubject>),
    Nothing,
}

/// The session that one of the tokens renews, and its user; none if they are good for nothing.
async fn renew(
    tokens: Arc<[Presented]>,
    source: Source,
    issuer: &Data<Issuer>,
    db: &Db,
) -> Result<Option<(LiveSession, UserRow)>, Problem> {
    let lives = issuer.lives;
    // Whoever loses the race for the rotation looks again, and finds the winner's.
    loop {
        let (tokens, issuer) = (Arc::clone(&tokens), Data::clone(issuer));
        let (standing, session, user) = match db.read(move |conn| find(conn, &tokens, &issuer)).await? {
            RefreshOutcome::Good(standing, session, user) => (standing, session, user),
            RefreshOutcome::Reused(bearers) => return end(bearers, REUSE, source, db).await.map(|()| None),
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

/// Finds a good token wherever it stands among them: a neighbour may have put others before it.
fn find(conn: &mut Conn, tokens: &[Presented], issuer: &Issuer) -> Result<RefreshOutcome, Problem> {
    let genuine = genuine(conn, tokens, issuer)?;
    let now = Timestamp::now();
    let mut standings = genuine.iter().map(|(token, session)| (token.standing(session, now), session));
    let is_good = |standing: &Standing| matches!(standing, Standing::Current | Standing::JustRotated);
    if let Some((standing, session)) = standings.find(|(standing, _)| is_good(standing)) {
        return match Users::of(session.bearer().user).show(conn) {
            // Deleted between the two.
            Err(problem) if problem.kind() == Kind::RevokedToken => Ok(RefreshOutcome::Nothing),
            user => user.map(|user| RefreshOutcome::Good(standing, session.clone(), user)),
        };
    }
    let reused = genuine.iter().filter(|(token, session)| token.standing(session, now) == Standing::Reused);
    let reused: Vec<_> = reused.map(|(_, session)| session.bearer()).collect();
    Ok(if reused.is_empty() { RefreshOutcome::Nothing } else { RefreshOutcome::Reused(reused) })
}

/// The tokens that we have made, however old they are, each with its session, if that still stands.
fn genuine<'a>(
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

fn parsed(tokens: &[String]) -> Arc<[Presented]> {
    tokens.iter().filter_map(|token| Presented::parse(token)).collect()
}

/// `POST /auth/logout`: ends every session that the request names. Whoever has none is logged out already, so no
/// token is too old or too wrong for it.
pub async fn logout(
    request: HttpRequest,
    body: Optional<RefreshIn>,
    issuer: Data<Issuer>,
    cors: Data<Cors>,
    db: Data<Db>,
) -> Result<HttpResponse, Problem> {
    let access = match presented_token(&request) {
        // Nobody knows which of two tokens is meant.
        Err(problem) if problem.kind() == Kind::MalformedRequest => return Err(problem),
        token => token.and_then(|token| issuer.access.verify_even_if_expired(token)).ok(),
    };
    // The cookie is left alone where the body says which session is meant.
    let named = body.0.and_then(|body| body.refresh_token);
    let is_by_cookie = named.is_none() && !Cookies::of(request.headers()).tokens.is_empty();
    let tokens =
        if is_by_cookie { cookie::admitted(&request, &cors)?.tokens } else { named.into_iter().collect::<Vec<_>>() };
    let source = Limits::of(&request)?.proxies.source(&request);
    if let Some(bearer) = access {
        end(vec![bearer], LOGOUT, source, &db).await?;
    }
    let tokens = parsed(&tokens);
    if !tokens.is_empty() {
        let flow = flow_of(&tokens, &issuer);
        let find = move |conn: &mut _| Ok(genuine(conn, &tokens, &issuer)?.iter().map(|(_, it)| it.bearer()).collect());
        flow.scope(async { end(db.read(find).await?, LOGOUT, source, &db).await }).await?;
    }
    let mut answer = HttpResponse::Ok();
    if is_by_cookie {
        let _one = answer.append_header((SET_COOKIE, cookie::cleared().map_err(Problem::internal)?));
        let _other = answer.append_header((SET_COOKIE, cookie::old_cleared().map_err(Problem::internal)?));
    }
    Ok(answer.json(MessageOut { message: "Logged Out" }))
}

/// Ends sessions, in one transaction, and tells of each that was there to end.
async fn end(bearers: Vec<TokenSubject>, event: &'static str, source: Source, db: &Db) -> Result<(), Problem> {
    if bearers.is_empty() {
        return Ok(());
    }
    let end = move |conn: &mut _| {
        let mut ended = Vec::new();
        for TokenSubject { user, session, .. } in &bearers {
            if Sessions::of(*user).end(conn, *session)? {
                ended.push((user.get(), session.get()));
            }
        }
        Ok(ended)
    };
    for (user_id, session_id) in db.write(end).await? {
        if event == REUSE {
            // Told by itself: where warnings alone are logged there is no span that knows it.
            tracing::warn!(target: "kennel::security", user_id, session_id, %source, "{event}");
        } else {
            tracing::info!(target: "kennel::security", user_id, session_id, "{event}");
        }
    }
    Ok(())
}

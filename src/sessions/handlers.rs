//! The handlers of `/me/sessions`: the sessions in which the user is logged in.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::{
    Sessions, require_live,
    wire::{LiveSessionOut, SessionFilter},
};
use crate::{
    current_user::LoggedInUser,
    db::Db,
    ids::SessionId,
    lists::{ListRequest, PageResponse},
    problem::{Kind, Problem},
};

/// `GET /me/sessions`: lists a page of the user's live sessions, each with its client and times.
///
/// # Errors
/// `validation-failed`, when the query is not acceptable; the database's errors ([`Db::read`]).
pub async fn list(
    me: LoggedInUser,
    list: ListRequest<SessionFilter>,
    db: Data<Db>,
) -> Result<PageResponse<LiveSessionOut>, Problem> {
    let rows = move |conn: &mut _, query: &_| {
        Sessions::of(me.id)
            .list(conn, query)?
            .try_map(|rows| Ok(rows.into_iter().map(|row| (row, me.session)).collect()))
    };
    list.read(&db, rows).await
}

/// `DELETE /me/sessions`: ends all sessions of the user but the request's own; 204, even if there is no other.
///
/// # Errors
/// `revoked-token`, when the session has ended meanwhile; the database's errors ([`Db::write`]).
pub async fn delete_others(me: LoggedInUser, db: Data<Db>) -> Result<HttpResponse, Problem> {
    db.write(move |conn| {
        require_live(conn, me.id, me.session)?;
        Sessions::of(me.id).end_others(conn, me.session)
    })
    .await?;
    tracing::info!(target: "kennel::security", user_id = me.id.get(), kept = me.session.get(), "session_ended");
    Ok(HttpResponse::NoContent().finish())
}

/// `DELETE /me/sessions/{session_id}`: ends a session of the user (204).
///
/// # Errors
/// `not-found`, when the user has no such session that still stands; `revoked-token`, when the request's own has ended
/// meanwhile; the database's errors ([`Db::write`]).
pub async fn delete(me: LoggedInUser, session: Path<SessionId>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let session = *session;
    let end = move |conn: &mut _| {
        require_live(conn, me.id, me.session)?;
        Sessions::of(me.id).end(conn, session)
    };
    if !db.write(end).await? {
        return Err(Kind::NotFound.into());
    }
    tracing::info!(target: "kennel::security", user_id = me.id.get(), session_id = session.get(), "session_ended");
    Ok(HttpResponse::NoContent().finish())
}

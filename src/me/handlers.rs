//! The handlers of `/me`: the caller's own account.

use actix_web::{HttpRequest, HttpResponse, web::Data};

use super::{
    deletion::{EraseSignal, delete_rest},
    repo::{Asking, EmailChange},
    wire::UserPatch,
};
use crate::{
    body::Valid,
    crypto::keys::Keys,
    current_user::{CurrentUser, LoggedInUser},
    db::Db,
    limits::Limits,
    mail::MailSignal,
    problem::Problem,
    users::{UserOut, Users},
    wire::{Preconditions, WithEtag},
};

/// `GET /me`: shows the user's own account.
///
/// # Errors
/// `revoked-token`, when the user was deleted a moment ago; the database's errors ([`Db::read`]).
pub async fn show(me: CurrentUser, db: Data<Db>) -> Result<WithEtag<UserOut>, Problem> {
    let user = db.read(move |conn| Users::of(me.id).show(conn)).await?;
    Ok(WithEtag::of(user.version, user))
}

/// `PATCH /me`: changes the username, or asks for another e-mail address by mail. A request whose response could tell
/// whether other accounts exist counts against a quota first.
///
/// # Errors
/// `fresh-login-required`, for another address, unless the password was given in the last 5 minutes; `username-taken`;
/// `email-taken`; `precondition-failed`, when `If-Match` was sent and names another version; `validation-failed`;
/// `too-many-requests`, by the quota or after five mails in an hour; `revoked-token`, when the session has ended
/// meanwhile; the database's errors ([`Db::write`]).
pub async fn update(
    request: HttpRequest,
    me: LoggedInUser,
    only_if: Preconditions,
    body: Valid<UserPatch>,
    keys: Data<Keys>,
    db: Data<Db>,
    mail_signal: Data<MailSignal>,
) -> Result<WithEtag<UserOut>, Problem> {
    let (patch, present) = (body.0, db.read(move |conn| Users::of(me.id).show(conn)).await?);
    if patch.other_email(&present).is_some() {
        me.require_fresh_login()?;
    }
    if patch.asks_about_others(&present) {
        Limits::of(&request)?.names.count(&request, me.id.get())?;
    }
    let update =
        move |conn: &mut _| Users::of(me.id).update(conn, &only_if, &patch, &Asking { me, signer: &keys.sources });
    let (user, change) = db.write(update).await?;
    tell(change, me, &mail_signal);
    Ok(WithEtag::of(user.version, user))
}

/// Wakes the mail worker after a change of the address, and logs the request for another one.
fn tell(change: EmailChange, me: LoggedInUser, mail_signal: &MailSignal) {
    if change != EmailChange::None {
        mail_signal.wake();
    }
    if change == EmailChange::Asked {
        tracing::info!(target: "kennel::security", user_id = me.id.get(), "email_change_requested");
    }
}

/// `DELETE /me`: deletes the account with all that it has (204). The account is gone at once and its rows in several
/// transactions; the [`sweeper`](crate::sweeper) deletes any that are left.
///
/// # Errors
/// `fresh-login-required`, unless the password was given in the last 5 minutes; `precondition-failed`, when `If-Match`
/// was sent and names another version; `revoked-token`, when the session has ended meanwhile; the database's errors
/// ([`Db::write`]).
pub async fn delete(
    me: LoggedInUser,
    only_if: Preconditions,
    db: Data<Db>,
    erase: Data<EraseSignal>,
) -> Result<HttpResponse, Problem> {
    me.require_fresh_login()?;
    db.write(move |conn| Users::of(me.id).delete(conn, me, &only_if)).await?;
    tracing::info!(target: "kennel::security", user_id = me.id.get(), "account_deleted");
    // Streams of changes end at once, and not at their next heartbeat.
    db.hub().tell(me.id);
    if let Err(problem) = db.write_in_pieces(true, move |conn| delete_rest(conn, me.id)).await {
        let cause = problem.cause_in_words();
        tracing::warn!(user_id = me.id.get(), cause, "what a deleted account had is not all deleted yet");
    }
    erase.wake();
    Ok(HttpResponse::NoContent().finish())
}

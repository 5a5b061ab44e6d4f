//! `PUT /me/password`.

use actix_web::{HttpRequest, HttpResponse, web::Data};

use crate::{
    auth::{
        passwords::{hasher::Hasher, password::RightPassword},
        throttle::{attempt::Attempt, lock::FailureKey},
        wire::PasswordIn,
    },
    body::Valid,
    crypto::{PasswordHash, keys::Keys},
    db::{Conn, Db},
    limits::{Limits, Source},
    mail::{MailKind, MailSignal, Mails},
    problem::{Invalid, Problem},
    sessions::{self, CurrentUser, Sessions},
    users::{Email, Users},
};

/// `PUT /me/password`: whoever else is logged in is not any more.
pub async fn replace_password(
    request: HttpRequest,
    me: CurrentUser,
    body: Valid<PasswordIn>,
    hasher: Data<Hasher>,
    keys: Data<Keys>,
    db: Data<Db>,
    post: Data<MailSignal>,
) -> Result<HttpResponse, Problem> {
    let PasswordIn { current, new } = body.0;
    let read = move |conn: &mut _| Ok((Users::of(me.id).show(conn)?, Users::of(me.id).password_hash(conn)?));
    let (user, checked) = db.read(read).await?;
    let source = Limits::of(&request)?.proxies.source(&request);
    let attempt = attempt(&me, &keys, source);
    let verdict = attempt.check(&db, &hasher, current, Some(checked.clone())).await?;
    let Ok(RightPassword { .. }) = verdict else {
        tracing::info!(target: "kennel::security", user_id = me.id.get(), %source, "password_change_failed");
        return Err(Invalid::new("wrong", "This is not your present password.").at("current_password"));
    };
    // At once: a new one that is too easy is no failure of the present one.
    db.write(move |conn| attempt.succeed(conn)).await?;
    let new = hasher.judge(new, vec![user.username, user.email.clone()], "new_password").await?;
    let change = Change { checked, new: hasher.hash(new).await?, email: Email::stored(user.email) };
    db.write(move |conn| change_password(conn, me, &keys, &change)).await?;
    post.wake();
    tracing::info!(target: "kennel::security", user_id = me.id.get(), %source, "password_changed");
    Ok(HttpResponse::NoContent().finish())
}

/// A try to show the present password. Counted by session, so that one that is stolen locks no other; and all of a
/// user's together, but for those whose password was given a moment ago.
fn attempt(me: &CurrentUser, keys: &Keys, source: Source) -> Attempt {
    let wider = (!me.is_fresh()).then(|| FailureKey::of_all_changes(&keys.sources, me.id));
    Attempt { user: Some(me.id), source, failures: FailureKey::of_change(&keys.sources, me.session), wider }
}

/// What a change of the password was decided on.
struct Change {
    checked: PasswordHash,
    new: PasswordHash,
    email: Email,
}

/// Stores a new password, if the old one is still what was checked; ends all other sessions, and tells the address.
///
/// # Errors
/// `revoked-token`, when the session has ended while its passwords were looked at.
fn change_password(conn: &mut Conn, me: CurrentUser, keys: &Keys, change: &Change) -> Result<(), Problem> {
    if !Users::of(me.id).set_password(conn, &change.checked, &change.new)? {
        // Or the account is gone altogether.
        let _me = Users::of(me.id).show(conn)?;
        return Err(Invalid::new("wrong", "Your password was changed a moment ago.").at("current_password"));
    }
    sessions::require_live(conn, me)?;
    Sessions::of(me.id).end_others(conn, me.session)?;
    Mails::of(me.id).queue(conn, &keys.sources, MailKind::PasswordChanged, &change.email)
}

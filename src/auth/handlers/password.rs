//! `PUT /me/password`: how a user changes the password.

use actix_web::{HttpResponse, web::Data};

use crate::{
    api_keys::ApiKeys,
    auth::{
        passwords::{
            hasher::Hasher,
            password::{Password, Verdict},
        },
        throttle::{attempt::Attempt, lock::FailureKey},
        wire::PasswordIn,
    },
    body::Valid,
    crypto::{PasswordHash, keys::Keys},
    current_user::LoggedInUser,
    db::{Conn, Db},
    ids::UserId,
    mail::{MailKind, MailSignal, Mails},
    problem::{Invalid, Problem},
    sessions::{self, Sessions},
    users::{Email, Users},
};

/// `PUT /me/password`: changes the password, ends all other sessions of the user, and the API keys unless the body
/// keeps them, and tells the user by mail.
///
/// # Errors
/// `validation-failed`, when the present password is wrong or the new one too easy to guess; `too-many-attempts`;
/// `too-many-requests`; `revoked-token`, when the session has ended meanwhile; the database's errors ([`Db::write`]).
pub async fn replace_password(
    me: LoggedInUser,
    body: Valid<PasswordIn>,
    hasher: Data<Hasher>,
    keys: Data<Keys>,
    db: Data<Db>,
    mail_signal: Data<MailSignal>,
) -> Result<HttpResponse, Problem> {
    let PasswordIn { current, new, keep_keys } = body.0;
    let read = move |conn: &mut _| Ok((Users::of(me.id).show(conn)?, Users::of(me.id).password_hash(conn)?));
    let (user, checked) = db.read(read).await?;
    check_current(attempt(&me, &keys), current, checked.clone(), &db, &hasher).await?;
    let new = hasher.judge(new, vec![user.username, user.email.clone()], "new_password").await?;
    let change = PasswordChange { checked, new: hasher.hash(new).await?, email: Email::stored(user.email), keep_keys };
    db.write(move |conn| change_password(conn, me, &keys, &change)).await?;
    mail_signal.wake();
    tracing::info!(target: "kennel::security", user_id = me.id.get(), keep_keys, "password_changed");
    Ok(HttpResponse::NoContent().finish())
}

/// A try to show the present password. Tries are counted for each session, so that a stolen one locks no other; and for
/// all sessions of the user together, except those whose password was given a moment ago.
fn attempt(me: &LoggedInUser, keys: &Keys) -> Attempt {
    let wider = (!me.is_fresh()).then(|| FailureKey::of_all_changes(&keys.sources, me.id));
    Attempt { user: Some(me.id), failures: FailureKey::of_change(&keys.sources, me.session), wider }
}

/// Checks the present password.
///
/// # Errors
/// `validation-failed` at `/current_password`, when it is another one; the errors of [`Attempt::check`].
async fn check_current(
    attempt: Attempt,
    current: Password,
    stored: PasswordHash,
    db: &Db,
    hasher: &Hasher,
) -> Result<(), Problem> {
    let user_id = attempt.user.map(UserId::get);
    let Verdict::Right { .. } = attempt.check(db, hasher, current, Some(stored)).await? else {
        tracing::info!(target: "kennel::security", user_id, "password_change_failed");
        return Err(Invalid::new("wrong", "This is not your present password.").at("current_password"));
    };
    // At once: a new password that is too easy to guess is no failure of the present one.
    db.write(move |conn| attempt.succeed(conn)).await
}

/// A decided change of the password: the hash that was checked, the new one, the address to tell, and
/// whether the API keys stay good.
struct PasswordChange {
    checked: PasswordHash,
    new: PasswordHash,
    email: Email,
    keep_keys: bool,
}

/// Stores a new password, if the old one is still the one that was checked; ends all other sessions and API keys, and
/// queues the mail.
///
/// # Errors
/// `revoked-token`, when the session has ended while the passwords were checked.
fn change_password(conn: &mut Conn, me: LoggedInUser, keys: &Keys, change: &PasswordChange) -> Result<(), Problem> {
    if !Users::of(me.id).set_password(conn, &change.checked, &change.new)? {
        // Or the account is gone altogether.
        let _me = Users::of(me.id).show(conn)?;
        return Err(Invalid::new("wrong", "Your password was changed a moment ago.").at("current_password"));
    }
    sessions::require_live(conn, me.id, me.session)?;
    Sessions::of(me.id).end_others(conn, me.session)?;
    if !change.keep_keys {
        ApiKeys::of(me.id).end_all(conn)?;
    }
    Mails::of(me.id).queue(conn, &keys.sources, MailKind::PasswordChanged, &change.email)
}

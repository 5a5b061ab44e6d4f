//! Signing up, and changing the password. `POST /auth/login` is in `login`, how a login is kept and ended in
//! `renewal`, and what a mail helps with in `recovery`.

use actix_web::{HttpRequest, HttpResponse, web::Data};

use super::{
    CurrentUser,
    attempt::Attempt,
    hasher::Hasher,
    keys::Keys,
    lock::FailureKey,
    password::{PasswordHash, RightPassword},
    repo::forgive,
    wire::{PasswordIn, SignupIn},
};
use crate::{
    db::{Connection, Db},
    limits::{Limits, Source},
    mail::{MailKind, MailSignal, Mails},
    problem::{Kind, Problem},
    sessions::{self, Sessions},
    users::{Email, NewUser, SignupPolicy, UserOut, Users},
    wire::{Created, Invalid, Valid},
};

/// `POST /auth/signup`
pub async fn signup(
    request: HttpRequest,
    body: Valid<SignupIn>,
    policy: Data<SignupPolicy>,
    hasher: Data<Hasher>,
    keys: Data<Keys>,
    db: Data<Db>,
    post: Data<MailSignal>,
) -> Result<HttpResponse, Problem> {
    if *policy.get_ref() == SignupPolicy::Closed {
        return Err(Kind::SignupClosed.into());
    }
    let SignupIn { username, email, password } = body.0;
    let limits = Limits::of(&request)?;
    let source = limits.proxies.source(&request);
    limits.password.count(&request, source)?;
    let password = hasher.judge(password, vec![username.to_string(), email.to_string()], "password").await?;
    limits.signup.count(&request, source)?;
    let new = NewUser::new(&username, &email, &hasher.hash(password).await?);
    let create = move |conn: &mut _| {
        let user = Users::create(conn, &new)?;
        Mails::of(user.user()?).queue(conn, &keys.sources, MailKind::Verify, &email)?;
        // What failed under these names before was somebody else's guess.
        forgive(conn, &keys.sources, None, &user.username, &user.email)?;
        Ok(user)
    };
    let user = db.write(create).await?;
    post.wake();
    tracing::info!(target: "kennel::security", user_id = user.id, %source, "signup");
    Ok(Created::new("/me".to_owned(), &UserOut::from(user))?.into())
}

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
fn change_password(conn: &mut Connection, me: CurrentUser, keys: &Keys, change: &Change) -> Result<(), Problem> {
    if !Users::of(me.id).set_password(conn, &change.checked, &change.new)? {
        // Or the account is gone altogether.
        let _me = Users::of(me.id).show(conn)?;
        return Err(Invalid::new("wrong", "Your password was changed a moment ago.").at("current_password"));
    }
    sessions::require_live(conn, me)?;
    Sessions::of(me.id).end_others(conn, me.session)?;
    Mails::of(me.id).queue(conn, &keys.sources, MailKind::PasswordChanged, &change.email)
}

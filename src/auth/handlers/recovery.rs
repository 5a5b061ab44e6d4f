//! The routes that work by mail: `POST /auth/password/forgot`, `POST /auth/password/reset`, `POST /auth/email/verify`
//! and `POST /auth/email/cancel`. The mails and their tokens are in `mail`.

use actix_web::{HttpRequest, HttpResponse, web::Data};

use crate::{
    accounts::AccountRow,
    api_keys::ApiKeys,
    auth::{
        passwords::hasher::Hasher,
        throttle::repo::forgive,
        wire::{ForgotIn, ResetIn, VerifyIn},
    },
    body::Valid,
    crypto::{PasswordHash, keys::Keys},
    db::{Conn, Db},
    limits::{Limits, NEW_PASSWORD},
    mail::{
        MailKind, MailSignal, Mails,
        token::{MailToken, Purpose},
    },
    problem::{Kind, Problem},
    sessions::Sessions,
    users::{Email, Users},
};

/// `POST /auth/password/forgot`: queues a mail with a token for [`reset_password`] to an address. The response is the
/// same for every address, and takes as long, so that it does not tell which ones have an account.
///
/// # Errors
/// `too-many-requests`; the database's errors ([`Db::write`]).
pub async fn forgot_password(
    request: HttpRequest,
    body: Valid<ForgotIn>,
    keys: Data<Keys>,
    db: Data<Db>,
    mail_signal: Data<MailSignal>,
) -> Result<HttpResponse, Problem> {
    let limits = Limits::of(&request)?;
    let source = limits.proxies.source(&request);
    limits.forgot.count(&request, source)?;
    db.write(move |conn| Mails::queue_reset(conn, &keys.sources, &body.0.email)).await?;
    mail_signal.wake();
    tracing::info!(target: "kennel::security", "password_reset_requested");
    Ok(HttpResponse::Accepted().finish())
}

/// `POST /auth/password/reset`: sets a new password by the token of a mail, ends all sessions of the user, and the API
/// keys unless the body keeps them.
///
/// # Errors
/// `invalid-or-used-token`; `validation-failed`, when the new password is too easy to guess; `too-many-requests`; the
/// database's errors ([`Db::write`]).
pub async fn reset_password(
    request: HttpRequest,
    body: Valid<ResetIn>,
    keys: Data<Keys>,
    hasher: Data<Hasher>,
    db: Data<Db>,
    mail_signal: Data<MailSignal>,
) -> Result<HttpResponse, Problem> {
    let ResetIn { token, password, keep_keys } = body.0;
    let (account, _) = account_of(&token, &[Purpose::Reset], &keys, &db).await?;
    let user_id = account.id.get();
    Limits::of(&request)?.user.weigh(&request, user_id, NEW_PASSWORD)?;
    let context = vec![account.username.clone(), account.email.clone()];
    let new = hasher.hash(hasher.judge(password, context, "password").await?).await?;
    db.write(move |conn| reset(conn, &account, &new, keep_keys, &keys)).await?;
    mail_signal.wake();
    tracing::info!(target: "kennel::security", user_id, keep_keys, "password_reset");
    Ok(HttpResponse::NoContent().finish())
}

/// Sets the password, if the token was not used meanwhile; ends every session, and the locks that wrong passwords may
/// have put up.
fn reset(
    conn: &mut Conn,
    account: &AccountRow,
    new: &PasswordHash,
    keep_keys: bool,
    keys: &Keys,
) -> Result<(), Problem> {
    let user = account.id;
    if !Users::of(user).set_password(conn, &PasswordHash::stored(account.password_hash.clone()), new)? {
        return Err(used());
    }
    // The token proves that its holder reads the mail of this address.
    let _is_new = Users::of(user).verify(conn, &account.email)?;
    Sessions::of(user).end_and_forget(conn)?;
    if !keep_keys {
        ApiKeys::of(user).end_all(conn)?;
    }
    forgive(conn, &keys.sources, Some(user), &account.username, &account.email)?;
    Mails::of(user).queue(conn, &keys.sources, MailKind::PasswordChanged, &Email::stored(account.email.clone()))
}

/// `POST /auth/email/verify`: by the token of a mail, marks the account's address as verified, or lets a new one that
/// was asked for take effect.
///
/// # Errors
/// `invalid-or-used-token`; `email-taken`, when another account has the new address by now; the database's errors
/// ([`Db::write`]).
pub async fn verify_email(
    body: Valid<VerifyIn>,
    keys: Data<Keys>,
    db: Data<Db>,
    mail_signal: Data<MailSignal>,
) -> Result<HttpResponse, Problem> {
    let (account, purpose) = account_of(&body.0.token, &[Purpose::Verify, Purpose::Confirm], &keys, &db).await?;
    let user_id = account.id.get();
    if purpose == Purpose::Verify {
        db.write(move |conn| verify(conn, &account)).await?;
        tracing::info!(target: "kennel::security", user_id, "email_verified");
    } else {
        db.write(move |conn| confirm(conn, &account, &keys)).await?;
        mail_signal.wake();
        tracing::info!(target: "kennel::security", user_id, "email_changed");
    }
    Ok(HttpResponse::NoContent().finish())
}

fn verify(conn: &mut Conn, account: &AccountRow) -> Result<(), Problem> {
    if Users::of(account.id).verify(conn, &account.email)? { Ok(()) } else { Err(used()) }
}

/// Lets the new address take effect, if the session that asked for it still stands, and tells the old one.
fn confirm(conn: &mut Conn, account: &AccountRow, keys: &Keys) -> Result<(), Problem> {
    let (user, pending) = (account.id, account.pending.as_ref().ok_or_else(used)?);
    // The account first, as everywhere, so that two transactions never wait for each other.
    if !Users::of(user).confirm_email(conn, account, pending)? || !Sessions::of(user).take_email(conn, pending)? {
        return Err(used());
    }
    Mails::of(user).queue(conn, &keys.sources, MailKind::EmailChanged, &Email::stored(account.email.clone()))
}

/// `POST /auth/email/cancel`: calls off a change of the address, by the token of the mail to the present one, and ends
/// the session that asked for the change.
///
/// # Errors
/// `invalid-or-used-token`; the database's errors ([`Db::write`]).
pub async fn cancel_email(body: Valid<VerifyIn>, keys: Data<Keys>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let (account, _) = account_of(&body.0.token, &[Purpose::Cancel], &keys, &db).await?;
    let (user, pending) = (account.id, account.pending.clone().ok_or_else(used)?);
    let (user_id, session_id) = (user.get(), pending.session.get());
    if !db.write(move |conn| Sessions::of(user).end_asking(conn, &pending)).await? {
        return Err(used());
    }
    tracing::info!(target: "kennel::security", user_id, session_id, "email_change_cancelled");
    Ok(HttpResponse::NoContent().finish())
}

/// The account whose mail token `token` is, and for which of `purposes`.
///
/// # Errors
/// `invalid-or-used-token`.
async fn account_of(token: &str, purposes: &[Purpose], keys: &Keys, db: &Db) -> Result<(AccountRow, Purpose), Problem> {
    let proof = MailToken::parse(token).ok_or_else(used)?;
    let user = proof.user;
    let account = db.read(move |conn| Users::of(user).account(conn)).await?.ok_or_else(used)?;
    let purpose = purposes.iter().find(|purpose| proof.is_for(**purpose, keys, &account)).copied();
    purpose.map(|purpose| (account, purpose)).ok_or_else(used)
}

fn used() -> Problem {
    let detail = "This token is too old, was used already, or is none of this server's.";
    Problem::new(Kind::InvalidOrUsedToken).at("/token", "invalid_or_used", detail)
}

//! `POST /auth/signup`: how an account is made.

use actix_web::{HttpRequest, HttpResponse, web::Data};

use crate::{
    auth::{passwords::hasher::Hasher, throttle::repo::forgive, wire::SignupIn},
    body::Valid,
    crypto::{keys::Keys, signer::Signer},
    db::{Conn, Db},
    limits::{Limits, Source},
    mail::{MailKind, MailSignal, Mails},
    problem::{Kind, Problem},
    users::{Email, NewUser, SignupPolicy, UserOut, UserRow, Users},
    wire::Created,
};

/// `POST /auth/signup`: makes an account, and queues a mail that asks whether the address is the user's. Responds with
/// the new user; it has no session yet.
///
/// # Errors
/// `signup-closed`; `username-taken` and `email-taken`; `validation-failed`, when the password is too easy to guess;
/// `too-many-requests`; the database's errors ([`Db::write`]).
pub async fn signup(
    request: HttpRequest,
    body: Valid<SignupIn>,
    policy: Data<SignupPolicy>,
    hasher: Data<Hasher>,
    keys: Data<Keys>,
    db: Data<Db>,
    mail_signal: Data<MailSignal>,
) -> Result<HttpResponse, Problem> {
    if *policy.get_ref() == SignupPolicy::Closed {
        return Err(Kind::SignupClosed.into());
    }
    let source = Limits::of(&request)?.proxies.source(&request);
    let new = new_user(&request, source, body.0, &hasher).await?;
    let user = db.write(move |conn| create(conn, &new, &keys.sources)).await?;
    mail_signal.wake();
    tracing::info!(target: "kennel::security", user_id = user.id.get(), "signup");
    Ok(Created::new("/me".to_owned(), &UserOut::from(user))?.into())
}

/// The user that a body asks for, with the hash of its password. Judging a password is work, so a refused one counts
/// against the limits too, if less than an account.
async fn new_user(request: &HttpRequest, source: Source, body: SignupIn, hasher: &Hasher) -> Result<NewUser, Problem> {
    let SignupIn { username, email, password } = body;
    let limits = Limits::of(request)?;
    limits.password.count(request, source)?;
    let password = hasher.judge(password, vec![username.to_string(), email.to_string()], "password").await?;
    limits.signup.count(request, source)?;
    Ok(NewUser::new(&username, &email, &hasher.hash(password).await?))
}

/// Makes the account, and queues the mail that verifies its address.
fn create(conn: &mut Conn, new: &NewUser, signer: &Signer) -> Result<UserRow, Problem> {
    let user = Users::create(conn, new)?;
    Mails::of(user.id).queue(conn, signer, MailKind::Verify, &Email::stored(user.email.clone()))?;
    // Failures under these names before were others' guesses.
    forgive(conn, signer, None, &user.username, &user.email)?;
    Ok(user)
}

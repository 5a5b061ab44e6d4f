//! `POST /auth/signup`.

use actix_web::{HttpRequest, HttpResponse, web::Data};

use crate::{
    auth::{passwords::hasher::Hasher, throttle::repo::forgive, wire::SignupIn},
    body::Valid,
    crypto::keys::Keys,
    db::Db,
    limits::Limits,
    mail::{MailKind, MailSignal, Mails},
    problem::{Kind, Problem},
    users::{NewUser, SignupPolicy, UserOut, Users},
    wire::Created,
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
        Mails::of(user.id).queue(conn, &keys.sources, MailKind::Verify, &email)?;
        // What failed under these names before was somebody else's guess.
        forgive(conn, &keys.sources, None, &user.username, &user.email)?;
        Ok(user)
    };
    let user = db.write(create).await?;
    post.wake();
    tracing::info!(target: "kennel::security", user_id = user.id.get(), %source, "signup");
    Ok(Created::new("/me".to_owned(), &UserOut::from(user))?.into())
}

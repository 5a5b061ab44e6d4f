//! The JSON bodies of the routes below `/auth` and of `PUT /me/password`.

use serde::Serialize;
use serde_json::Value;

use super::{passwords::password::Password, tokens::cookie::Delivery};
use crate::{
    problem::Invalid,
    users::{Email, UserOut, Username},
    wire::{
        Fields, FromBody, boolean,
        text::{self, Rule},
    },
};

/// The rule of a name to log in with: at the longest, an e-mail address.
const LOGIN: Rule = Rule { least: 1, most: 254 };
/// The most characters of a presented token; genuine ones have fewer.
const LONGEST_PRESENTED: usize = 512;

/// The body of `POST /auth/signup`, which makes an account.
pub struct SignupIn {
    /// The name by which the account is known in public.
    pub username: Username,
    /// The address for mails about the account; not verified yet.
    pub email: Email,
    /// The new password, not judged yet
    /// ([`AcceptedPassword::judge`](crate::auth::passwords::password::AcceptedPassword::judge)).
    pub password: Password,
}

impl FromBody for SignupIn {
    const READ_ONLY: &'static [&'static str] = UserOut::READ_ONLY;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let username = fields.required("username", Username::read);
        let email = fields.required("email", Email::read);
        let password = fields.required("password", Password::new);
        Some(Self { username: username?, email: email?, password: password? })
    }
}

/// The body of `POST /auth/login`: a username or an e-mail address, and the password.
pub struct LoginIn {
    /// The username or e-mail address (the field `username`), as it was typed.
    pub login: String,
    /// The password to be checked.
    pub password: Password,
    /// Whether the refresh token is to come in the body or in a cookie (the field `cookie`).
    pub delivery: Delivery,
}

impl FromBody for LoginIn {
    fn from_body(fields: &mut Fields) -> Option<Self> {
        let login = fields.required("username", |value| LOGIN.read(value));
        let password = fields.required("password", Password::presented);
        let cookie = fields.usual("cookie", false, boolean);
        let delivery = if cookie? { Delivery::Cookie } else { Delivery::Body };
        Some(Self { login: login?, password: password?, delivery })
    }
}

/// The body of `POST /auth/refresh` and `POST /auth/logout`: a refresh token, if it is not in the cookie.
pub struct RefreshIn {
    /// The refresh token, not checked yet; `None`, if the cookie has it.
    pub refresh_token: Option<String>,
}

impl FromBody for RefreshIn {
    fn from_body(fields: &mut Fields) -> Option<Self> {
        let refresh_token = fields.usual("refresh_token", None, |value| token(0, value).map(Some));
        Some(Self { refresh_token: refresh_token? })
    }
}

/// Reads a token as it is, without checking whether it is genuine.
///
/// # Errors
/// The value is no text, too short, or far too long.
fn token(least: usize, value: &Value) -> Result<String, Invalid> {
    let token = text::string(value)?;
    Rule { least, most: LONGEST_PRESENTED }.check_length(token)?;
    Ok(token.to_owned())
}

/// The body of `PUT /me/password`, which changes the password of a logged-in user.
pub struct PasswordIn {
    /// The present password, to be checked (`current_password`).
    pub current: Password,
    /// The password that replaces the present one, not judged yet (`new_password`).
    pub new: Password,
    /// Whether the user's API keys stay good; by default they end with the old password.
    pub keep_keys: bool,
}

impl FromBody for PasswordIn {
    fn from_body(fields: &mut Fields) -> Option<Self> {
        let current = fields.required("current_password", Password::presented);
        let new = fields.required("new_password", Password::new);
        let keep_keys = fields.usual("keep_keys", false, boolean);
        Some(Self { current: current?, new: new?, keep_keys: keep_keys? })
    }
}

/// The body of `POST /auth/password/forgot`, which asks for a mail with a token for [`ResetIn`].
pub struct ForgotIn {
    /// The address of the account, if there is one.
    pub email: Email,
}

impl FromBody for ForgotIn {
    fn from_body(fields: &mut Fields) -> Option<Self> {
        Some(Self { email: fields.required("email", Email::read)? })
    }
}

/// The body of `POST /auth/password/reset`: a new password, and the token of the mail that [`ForgotIn`] asked for.
pub struct ResetIn {
    /// The token of the mail, not checked yet.
    pub token: String,
    /// The new password, not judged yet.
    pub password: Password,
    /// Whether the user's API keys stay good; by default they end with the old password.
    pub keep_keys: bool,
}

impl FromBody for ResetIn {
    fn from_body(fields: &mut Fields) -> Option<Self> {
        let token = fields.required("token", |value| token(1, value));
        let password = fields.required("password", Password::new);
        let keep_keys = fields.usual("keep_keys", false, boolean);
        Some(Self { token: token?, password: password?, keep_keys: keep_keys? })
    }
}

/// The body of `POST /auth/email/verify` and `POST /auth/email/cancel`: the token of a mail about the account's
/// address.
pub struct VerifyIn {
    /// The token of the mail, not checked yet.
    pub token: String,
}

impl FromBody for VerifyIn {
    fn from_body(fields: &mut Fields) -> Option<Self> {
        Some(Self { token: fields.required("token", |value| token(1, value))? })
    }
}

/// The response to a login or a refresh: the session's tokens (names of RFC 6749 §5.1) and its user.
#[derive(Serialize)]
pub struct TokensOut {
    /// The access token, a JWT, which requests carry in `Authorization: Bearer …`.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// The lifetime of the access token, in seconds.
    pub expires_in: u64,
    /// The refresh token for `POST /auth/refresh`; absent where a cookie holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// The user who has logged in.
    pub user: UserOut,
}

/// A response that only says something to people, such as that a mail is on its way.
#[derive(Serialize)]
pub struct MessageOut {
    /// The sentence for people.
    pub message: &'static str,
}

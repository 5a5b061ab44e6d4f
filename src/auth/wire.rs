//! The bodies of `/auth`, in and out.

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

/// The body of `POST /auth/signup`.
pub struct SignupIn {
    pub username: Username,
    pub email: Email,
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
    pub login: String,
    pub password: Password,
    /// The way in which the client wants its refresh token.
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

/// The body of `PUT /me/password`.
pub struct PasswordIn {
    pub current: Password,
    pub new: Password,
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

/// The body of `POST /auth/password/forgot`.
pub struct ForgotIn {
    pub email: Email,
}

impl FromBody for ForgotIn {
    fn from_body(fields: &mut Fields) -> Option<Self> {
        Some(Self { email: fields.required("email", Email::read)? })
    }
}

/// The body of `POST /auth/password/reset`: a new password, and the token of a mail.
pub struct ResetIn {
    pub token: String,
    pub password: Password,
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

/// The body of `POST /auth/email/verify` and `POST /auth/email/cancel`: the token of a mail.
pub struct VerifyIn {
    pub token: String,
}

impl FromBody for VerifyIn {
    fn from_body(fields: &mut Fields) -> Option<Self> {
        Some(Self { token: fields.required("token", |value| token(1, value))? })
    }
}

/// The tokens of a login (names of RFC 6749 §5.1).
#[derive(Serialize)]
pub struct TokensOut {
    pub access_token: String,
    pub token_type: &'static str,
    /// The lifetime of the access token, in seconds.
    pub expires_in: u64,
    /// The refresh token; absent where it is in the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    pub user: UserOut,
}

/// A message to people.
#[derive(Serialize)]
pub struct MessageOut {
    pub message: &'static str,
}

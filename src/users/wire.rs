//! Usernames and e-mail addresses, how they are read and compared, and the user in responses to itself.

use std::{fmt, str::FromStr};

use serde::Serialize;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::repo::UserRow;
use crate::{db::timestamp::Timestamp, ids::UserId, problem::Invalid, wire::text::Rule};

/// The rule of who may make an account, as `SIGNUP` has it: `open` or `closed`, and any other text is an error of
/// parsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignupPolicy {
    /// All callers may sign up (`POST /auth/signup`).
    Open,
    /// Accounts are made by `kennel user create` only; a sign-up is refused with `signup-closed`.
    Closed,
}

impl FromStr for SignupPolicy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "open" => Ok(Self::Open),
            "closed" => Ok(Self::Closed),
            _ => Err(()),
        }
    }
}

/// Names that would look like the service's own, or like a path.
const RESERVED: &[&str] = &[
    "admin",
    "administrator",
    "anonymous",
    "api",
    "auth",
    "docs",
    "dogowner",
    "dogs",
    "everyone",
    "health",
    "help",
    "kennel",
    "login",
    "logout",
    "metrics",
    "moderator",
    "null",
    "owner",
    "owners",
    "problems",
    "root",
    "security",
    "signup",
    "staff",
    "support",
    "system",
    "undefined",
    "user",
    "users",
    "www",
];

/// The one spelling of a username or e-mail address that counts: trimmed, NFKC, lower case.
pub(crate) fn key(text: &str) -> String {
    text.trim().nfkc().collect::<String>().to_lowercase()
}

fn is_in_username(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// The spelling of a username by which its user is found, in lower case.
#[derive(Clone, Debug)]
pub struct UsernameKey(String);

impl UsernameKey {
    /// The key of a username in any letter case; `None` if it has a character that no username has. The length is not
    /// checked.
    #[must_use]
    pub fn of(username: &str) -> Option<Self> {
        username.bytes().all(is_in_username).then(|| Self(key(username)))
    }

    /// The username in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A username: 3 to 30 of `A–Z a–z 0–9 _ -`, kept as it was typed; letter case does not tell users apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Reads a username from a body: 3 to 30 of `A–Z a–z 0–9 _ -`.
    ///
    /// # Errors
    /// The code of the [`Invalid`] is `reserved` for a reserved username, as `admin` is, `format` for one with another
    /// character, and otherwise that of [`Rule::read`].
    pub fn read(value: &Value) -> Result<Self, Invalid> {
        let text = Rule { least: 3, most: 30 }.read(value)?;
        if !text.bytes().all(is_in_username) {
            return Err(Invalid::new("format", "A username has the letters A to Z, digits, `_` and `-` only."));
        }
        if RESERVED.contains(&key(&text).as_str()) {
            return Err(Invalid::new("reserved", "This username is reserved. Choose another one."));
        }
        Ok(Self(text))
    }

    /// The spelling by which the user is found.
    pub(crate) fn key(&self) -> String {
        key(&self.0)
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The most characters of an e-mail address (RFC 5321 §4.5.3.1.3, without the angle brackets).
const LONGEST_EMAIL: usize = 254;

/// An e-mail address of at most 254 characters that is plausible, as browsers judge it, with its domain in ASCII; only
/// a mail can tell whether it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an e-mail address of 3 to 254 characters from a body, and turns its domain into ASCII (UTS #46).
    ///
    /// # Errors
    /// The code of the [`Invalid`] is `format` for an address that HTML's `<input type=email>` does not accept once the
    /// domain is in ASCII, and otherwise that of [`Rule::read`].
    pub fn read(value: &Value) -> Result<Self, Invalid> {
        let text = with_ascii_domain(Rule { least: 3, most: LONGEST_EMAIL }.read(value)?);
        if !is_plausible(&text) {
            return Err(Invalid::new("format", "This is not an e-mail address such as ann@example.com."));
        }
        // The domain may have become longer.
        Rule { least: 3, most: LONGEST_EMAIL }.check_length(&text)?;
        Ok(Self(text))
    }

    /// The address that a text from the database is; nothing is checked.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The spelling by which the account with this address is found: trimmed, NFKC, in lower case.
    #[must_use]
    pub fn key(&self) -> String {
        key(&self.0)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An e-mail address with its domain in ASCII, as SMTP writes it and browsers send it: `müller.example` becomes
/// `xn--mller-kva.example` (UTS #46). A text without a valid domain stays as it is.
#[must_use]
pub fn with_ascii_domain(text: String) -> String {
    if text.is_ascii() {
        return text;
    }
    let ascii = text.rsplit_once('@').and_then(|(local, domain)| {
        let domain = idna::domain_to_ascii(domain).ok()?;
        Some(format!("{local}@{domain}"))
    });
    ascii.unwrap_or(text)
}

/// Whether a text is a "valid email address" of WHATWG's HTML: a wilful simplification of RFC 5322.
fn is_plausible(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let in_local = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    !local.is_empty() && local.bytes().all(in_local) && domain.split('.').all(is_label)
}

/// The user in responses to itself (`/me`, and with the tokens of a login): id, username, address, and the times of its
/// verification, of the sign-up and of the last change.
#[derive(Serialize)]
pub struct UserOut {
    id: UserId,
    username: String,
    email: String,
    verified_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl UserOut {
    /// The fields of this response that a `PATCH /me` may send back, and that are ignored there.
    pub const READ_ONLY: &'static [&'static str] = &["id", "verified_at", "created_at", "updated_at"];
}

impl From<UserRow> for UserOut {
    fn from(row: UserRow) -> Self {
        let UserRow { id, username, email, verified_at, created_at, updated_at, version: _ } = row;
        Self { id, username, email, verified_at, created_at, updated_at }
    }
}

#[cfg(test)]
mod tests {
    use super::is_plausible;

    #[test]
    fn an_address_is_plausible_as_browsers_judge_it() {
        for right in ["a@b", "ann@example.com", "x+y.z@a-b.example", "o'neil@example.com"] {
            assert!(is_plausible(right), "{right}");
        }
        for wrong in ["", "@", "ann", "ann@", "@example.com", "a b@example.com", "ann@-a.com", "ann@a..com", "a@b@c"] {
            assert!(!is_plausible(wrong), "{wrong}");
        }
    }
}

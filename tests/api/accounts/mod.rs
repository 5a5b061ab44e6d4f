//! Accounts: signing up, logging in and out, tokens, passwords, addresses, and the end of it all.

pub mod access_tokens;
pub mod api_keys;
pub mod email_change;
pub mod email_verification;
pub mod key_rotation;
pub mod login;
pub mod logout;
pub mod me;
pub mod password_change;
pub mod password_reset;
pub mod passwords;
pub mod pending_email_change;
pub mod reauthentication;
pub mod refresh_cookie;
pub mod refresh_rotation;
pub mod refresh_tokens;
pub mod sessions;
pub mod signup;
pub mod tokens_across_databases;

crate::support::gather![
    access_tokens,
    api_keys,
    email_change,
    email_verification,
    key_rotation,
    login,
    logout,
    me,
    password_change,
    password_reset,
    passwords,
    pending_email_change,
    reauthentication,
    refresh_cookie,
    refresh_rotation,
    refresh_tokens,
    sessions,
    signup,
    tokens_across_databases
];

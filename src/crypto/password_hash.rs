//! The type of a stored password hash. The hash is computed in `auth::passwords`.

use std::fmt;

/// The argon2id hash of a password as a PHC string (`$argon2id$…`), the only form in which a password is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

impl PasswordHash {
    /// The hash that a PHC string from the database is; it is not checked.
    #[must_use]
    pub fn stored(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string, as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

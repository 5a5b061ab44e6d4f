//! The hash of a password, as it is stored. The computation is in `auth::passwords`.

use std::fmt;

/// An argon2id hash as a PHC string: the only form of a password that can be stored.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

impl PasswordHash {
    /// A hash from the database.
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

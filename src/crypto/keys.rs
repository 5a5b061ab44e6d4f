//! The server's secret, where it comes from, and the keys derived from it, one for each purpose, so that a signature
//! for one purpose can never pass for another (HKDF, RFC 5869).

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use aws_lc_rs::{error::Unspecified, hkdf, rand};
use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{
        DecodePaddingMode,
        general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD},
    },
};

use super::{randomness::is_random, signer::Signer};
use crate::files;

/// The server's secret (`JWT_SECRET`), from which all [`Keys`] are derived: at least 32 random bytes. `Debug` does not
/// show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// A decoder of base64 that takes bits left over at the end, since hexadecimal digits need not end where a byte does.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The reason why a text is no [`Secret`]. Its `Display` says how to make one, and does not show the text.
#[derive(Debug)]
pub struct SecretFault(&'static str);

impl fmt::Display for SecretFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {}", self.0, Secret::HOW_TO_MAKE_ONE)
    }
}

impl Secret {
    /// The least length of a secret, in bytes: as long as the hash (RFC 7518 §3.2).
    pub const LEAST: usize = 32;
    /// A sentence for people, with a command that makes a good secret.
    pub const HOW_TO_MAKE_ONE: &str = "Make one with: head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\\n'";

    /// Reads a secret from base64, padded or not and in either alphabet; hexadecimal digits are base64, too.
    ///
    /// # Errors
    /// The text is not base64, too short, or plainly not random.
    pub fn parse(text: &str) -> Result<Self, SecretFault> {
        let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
        let bytes = LENIENT.decode(&text).map_err(|_| SecretFault("it accepts base64 of at least 32 random bytes"))?;
        if bytes.len() < Self::LEAST {
            return Err(SecretFault("it is too short: it accepts base64 of at least 32 random bytes"));
        }
        if !is_random(&text, &bytes) {
            return Err(SecretFault("it is not random enough: it accepts base64 of at least 32 random bytes"));
        }
        Ok(Self(bytes))
    }

    /// Makes a new secret.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn random() -> io::Result<Self> {
        let mut bytes = vec![0; Self::LEAST];
        rand::fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random numbers"))?;
        Ok(Self(bytes))
    }

    /// The path of the file that holds the secret for a SQLite database: the database's path with `.key` after it.
    #[must_use]
    pub fn path_beside(database: &Path) -> PathBuf {
        let mut path = database.as_os_str().to_owned();
        path.push(".key");
        PathBuf::from(path)
    }

    /// The secret in the file at `path`, which is made with a random one if it is not there. Returns whether it was
    /// made now, too.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds no secret.
    pub fn kept_in(path: &Path) -> io::Result<(Self, bool)> {
        let made = if fs::exists(path)? {
            // Another instance may have made it this very moment, and tokens are about to be signed with it. A folder that
            // cannot be synced was synced by whoever made the key, as far as it can be known.
            drop(files::sync_folder_of(path));
            false
        } else {
            // Several instances may start at once, and the first decides.
            let text = format!("{}\n", URL_SAFE_NO_PAD.encode(Self::random()?.0));
            files::create_durably(path, text.as_bytes())?
        };
        Ok((Self::read(path)?, made))
    }

    /// The secret in the file at `path`; none is made.
    ///
    /// # Errors
    /// The file is absent or cannot be read, every user of the machine can write it, or it holds no secret.
    pub fn read(path: &Path) -> io::Result<Self> {
        files::check(path)?;
        Self::parse(fs::read_to_string(path)?.trim())
            .map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault.to_string()))
    }
}

/// A key that signs access tokens (HS256), with its name.
pub struct AccessKey {
    /// The key's name, which a token's header has as `kid`: a digest that tells nothing of the key.
    pub id: String,
    /// The key itself.
    pub secret: [u8; 32],
}

/// The keys derived from the server's secret, one for each purpose, so that a signature for one never passes for
/// another (HKDF, RFC 5869). Good for one database only.
pub struct Keys {
    /// The claim `iss` of access tokens: this service over this database.
    pub issuer: String,
    /// The keys of access tokens, the newest first: it signs, and all verify. There is always one.
    pub access: Vec<AccessKey>,
    /// The signer of the cursors that lead from page to page of a list.
    pub cursors: Signer,
    /// The signer of refresh tokens ([`Presented`](crate::auth::tokens::refresh::Presented)).
    pub refreshes: Signer,
    /// The signer of the tokens in mails about a forgotten password.
    pub resets: Signer,
    /// The signer of the tokens in mails that verify, confirm or cancel an e-mail address.
    pub verifications: Signer,
    /// The signer whose HMACs stand for networks, failed logins and counts of mails in the database, so that they are
    /// known again without being stored.
    pub sources: Signer,
}

impl Keys {
    /// Derives the keys from `secret`, which signs, and from the `previous` ones, which still verify. Access tokens
    /// name `database`, and each database has its own keys for cursors and for mail tokens. Refresh tokens need
    /// neither, as each is signed with the random salt of its session.
    ///
    /// # Errors
    /// Never in practice: the lengths asked for are far below HKDF's limit.
    pub fn derive(secret: &Secret, previous: &[Secret], database: impl fmt::Display) -> Result<Self, Unspecified> {
        let derive = |secret: &Secret, label: &str| {
            let mut key = [0; 32];
            let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"kennel").extract(&secret.0);
            root.expand(&[label.as_bytes()], hkdf::HKDF_SHA256)?.fill(&mut key)?;
            Ok::<_, Unspecified>(key)
        };
        let signer = |label: &str| {
            let older = previous.iter().map(|secret| derive(secret, label)).collect::<Result<Vec<_>, _>>()?;
            Ok::<_, Unspecified>(Signer::new(&derive(secret, label)?, &older))
        };
        let signer_here = |label: &str| signer(&format!("{label} of {database}"));
        let access = |secret: &Secret| {
            let id = URL_SAFE_NO_PAD.encode(derive(secret, "key id")?.split_at(6).0);
            Ok::<_, Unspecified>(AccessKey { id, secret: derive(secret, "access token")? })
        };
        Ok(Self {
            issuer: format!("kennel/{database}"),
            access: std::iter::once(secret).chain(previous).map(access).collect::<Result<_, _>>()?,
            cursors: signer_here("cursor")?,
            refreshes: signer("refresh token")?,
            resets: signer_here("reset token")?,
            verifications: signer_here("verify token")?,
            sources: signer("source")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Keys, Secret};

    #[test]
    fn a_secret_is_long_and_random() {
        for weak in [
            "",
            "secret",
            "c2hvcnQ",
            "not base64url, but long enough to be thirty-two bytes of it",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "changemechangemechangemechangemechangemechangemechangeme",
        ] {
            assert!(Secret::parse(weak).is_err(), "{weak}");
        }
        let good = "s3Yx0V1kq6Jm2aTzF8cWnHdRb5LpQeGuC7vXyKj9M4o";
        assert!(Secret::parse(good).is_ok());
        assert!(Secret::parse(&format!("{good}=")).is_ok());
    }

    #[test]
    fn every_key_is_another() {
        let secret = Secret::parse("s3Yx0V1kq6Jm2aTzF8cWnHdRb5LpQeGuC7vXyKj9M4o").expect("a secret");
        let [here, there] = ["a", "b"].map(|database| Keys::derive(&secret, &[], database).expect("keys"));
        let keys = &here;
        let [access] = keys.access.as_slice() else { panic!("one secret gives one key") };
        assert_ne!(access.secret.as_slice(), secret.0.as_slice());
        assert_eq!(access.id.len(), 8);
        let signers = [&keys.cursors, &keys.refreshes, &keys.resets, &keys.verifications, &keys.sources];
        let signatures = std::collections::HashSet::from(signers.map(|signer| signer.sign(&[b"a"])));
        assert_eq!(signatures.len(), signers.len());
        for (here, there) in [
            (&keys.cursors, &there.cursors),
            (&keys.resets, &there.resets),
            (&keys.verifications, &there.verifications),
        ] {
            assert_ne!(here.sign(&[b"a"]), there.sign(&[b"a"]), "another database has other keys");
        }
        assert_ne!(keys.issuer, there.issuer);
    }
}

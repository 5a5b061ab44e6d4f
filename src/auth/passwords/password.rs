//! Passwords and their hashes (argon2id): a type for each stage, so that the compiler sees to it that no password is
//! stored unhashed and the outcome of a comparison is not ignored. The threads that hash are in `hasher`.

use std::fmt;

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash as Phc, Version,
    password_hash::phc::{Output, ParamsString, Salt},
};
use unicode_normalization::UnicodeNormalization;

use crate::{
    crypto::{PasswordHash, strength},
    problem::{Invalid, Problem},
    wire::text,
};

/// The lengths of a password, in characters (code points, after NFC): the least of a new one, and the most.
const SHORTEST: usize = 8;
const LONGEST: usize = 256;
/// Bytes of a salt and of a hash.
const SALT: usize = 16;
const HASH: usize = 32;

/// A password as typed, in Unicode's NFC. Neither trimmed nor cut; `Debug` does not show it.
#[derive(Clone)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Password {
    /// Reads the password of a new account or a change from a body: 8 to 256 characters, any but NUL.
    /// [`AcceptedPassword::judge`] checks the configured least length and how hard it is to guess.
    ///
    /// # Errors
    /// The code of the [`Invalid`] is `type` for a value that is no text, `control_character` for a NUL, and otherwise
    /// `too_short` or `too_long`.
    pub fn new(value: &serde_json::Value) -> Result<Self, Invalid> {
        Self::of_at_least(SHORTEST, value)
    }

    /// Reads the password of a login from a body, which may be older than today's rules: 1 to 256 characters, any but
    /// NUL.
    ///
    /// # Errors
    /// The code of the [`Invalid`] is `type` for a value that is no text, `control_character` for a NUL, and otherwise
    /// `too_short` or `too_long`.
    pub fn presented(value: &serde_json::Value) -> Result<Self, Invalid> {
        Self::of_at_least(1, value)
    }

    fn of_at_least(least: usize, value: &serde_json::Value) -> Result<Self, Invalid> {
        let password: String = text::string(value)?.nfc().collect();
        if password.contains('\0') {
            return Err(Invalid::new("control_character", "A password may have any character but NUL."));
        }
        text::Rule { least, most: LONGEST }.check_length(&password)?;
        Ok(Self(password))
    }
}

/// A new password that [`AcceptedPassword::judge`] found hard to guess; only such a one can be hashed ([`hash`]).
pub struct AcceptedPassword(Password);

impl AcceptedPassword {
    /// Accepts a new password of `least` to 256 characters that is hard to guess even for an attacker who knows the
    /// texts in `context`, such as the username and the e-mail address.
    ///
    /// # Errors
    /// The code of the [`Invalid`] is `too_short`, or `too_guessable` for a password that is too easy to guess; the
    /// detail says why.
    pub fn judge(password: &Password, least: usize, context: &[String]) -> Result<Self, Invalid> {
        text::Rule { least, most: LONGEST }.check_length(&password.0)?;
        strength::check(&password.0, context)?;
        Ok(Self(password.clone()))
    }
}

/// The outcome of comparing a password with a hash ([`verify`]).
#[must_use]
pub enum Verdict {
    /// The password is the one that was hashed.
    Right {
        /// A new hash of the password to store, where the stored one was made with other parameters than today's.
        rehashed: Option<PasswordHash>,
    },
    /// The password is not the one that was hashed, or there was no such user.
    Wrong,
}

/// The memory that argon2id computes a hash in: 7 MiB, allocated for the first hash and kept for the next. Each hashing
/// thread has one.
#[derive(Default)]
pub struct Memory(Vec<Block>);

impl Memory {
    /// The blocks that are reserved; the unused ones are never touched. More than 32 MiB: glibc gives an allocation of
    /// that size back to the system when it is dropped, and never keeps it (mallopt(3), `M_MMAP_THRESHOLD`).
    const RESERVED: usize = 33 * 1_024;

    fn of_at_least(&mut self, blocks: usize) -> &mut [Block] {
        if self.0.len() < blocks {
            self.0.reserve_exact(blocks.max(Self::RESERVED).saturating_sub(self.0.len()));
            self.0.resize(blocks, Block::default());
        }
        &mut self.0
    }
}

/// The parameters of a hash: of OWASP's for argon2id those that take the least time, and then the least memory (`cargo
/// bench --bench pieces -- hash`): 7 MiB, 5 passes, 1 lane.
fn params() -> Params {
    const PARAMS: Result<Params, argon2::Error> = Params::new(7_168, 5, 1, Some(HASH));
    PARAMS.unwrap_or_default()
}

/// Hashes a new password (argon2id, with a random salt), which takes tens of milliseconds: call it on a hashing thread
/// only.
///
/// # Errors
/// `internal-error`, when argon2 fails or the system gives no random numbers.
pub fn hash(password: &AcceptedPassword, memory: &mut Memory) -> Result<PasswordHash, Problem> {
    hash_any(&password.0, memory)
}

/// Hashes a made-up password of no user: the hash is compared with the password of a login whose account does not
/// exist, so that the response takes as long.
///
/// # Errors
/// `internal-error`, when argon2 fails or the system gives no random numbers.
pub fn hash_decoy(memory: &mut Memory) -> Result<PasswordHash, Problem> {
    hash_any(&Password("a password that nobody has".to_owned()), memory)
}

fn hash_any(password: &Password, memory: &mut Memory) -> Result<PasswordHash, Problem> {
    let mut salt = [0; SALT];
    aws_lc_rs::rand::fill(&mut salt).map_err(Problem::internal)?;
    let params = params();
    let phc = Phc {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(Problem::internal)?,
        salt: Some(Salt::new(&salt).map_err(Problem::internal)?),
        hash: Some(compute(Algorithm::Argon2id, Version::V0x13, params, password, &salt, memory)?),
    };
    Ok(PasswordHash::stored(phc.to_string()))
}

/// Compares a presented password with a stored hash, which takes tens of milliseconds: call it on a hashing thread
/// only.
///
/// # Errors
/// `internal-error`, when `stored` is no argon2 hash.
pub fn verify(password: &Password, stored: &PasswordHash, memory: &mut Memory) -> Result<Verdict, Problem> {
    let phc = Phc::new(stored.as_str()).map_err(Problem::internal)?;
    let algorithm = Algorithm::try_from(phc.algorithm.as_str()).map_err(Problem::internal)?;
    let version = phc.version.map_or(Ok(Version::V0x10), Version::try_from).map_err(Problem::internal)?;
    let stored_params = Params::try_from(&phc).map_err(Problem::internal)?;
    let (Some(salt), Some(expected)) = (phc.salt, phc.hash) else {
        return Err(Problem::internal("a stored hash has no salt or no hash"));
    };
    let is_current = (algorithm, version) == (Algorithm::Argon2id, Version::V0x13)
        && cost(&stored_params) == cost(&params())
        && (salt.len(), expected.len()) == (SALT, HASH);
    // `Output` compares in constant time.
    if compute(algorithm, version, stored_params, password, &salt, memory)? != expected {
        return Ok(Verdict::Wrong);
    }
    let rehashed = if is_current { None } else { Some(hash_any(password, memory)?) };
    Ok(Verdict::Right { rehashed })
}

fn cost(params: &Params) -> (u32, u32, u32) {
    (params.m_cost(), params.t_cost(), params.p_cost())
}

fn compute(
    algorithm: Algorithm,
    version: Version,
    params: Params,
    password: &Password,
    salt: &[u8],
    memory: &mut Memory,
) -> Result<Output, Problem> {
    let blocks = params.block_count();
    let length = params.output_len().unwrap_or(HASH);
    let argon2 = Argon2::new(algorithm, version, params);
    let mut out = [0; Output::MAX_LENGTH];
    let out = out.get_mut(..length).ok_or_else(|| Problem::internal("a stored hash is too long"))?;
    argon2
        .hash_password_into_with_memory(password.0.as_bytes(), salt, out, memory.of_at_least(blocks))
        .map_err(Problem::internal)?;
    Output::new(out).map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use super::{Memory, Password, PasswordHash, Verdict, hash_any, verify};

    fn password(text: &str) -> Password {
        Password::presented(&text.into()).expect("a password")
    }

    #[test]
    fn a_hash_is_argon2id_at_our_parameters_and_belongs_to_its_password_only() {
        let mut memory = Memory::default();
        let stored = hash_any(&password("blue tin roof"), &mut memory).expect("a hash");
        assert!(stored.as_str().starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{stored:?}");
        let right = verify(&password("blue tin roof"), &stored, &mut memory).expect("a verdict");
        assert!(matches!(right, Verdict::Right { rehashed: None }));
        let wrong = verify(&password("blue tin roog"), &stored, &mut memory).expect("a verdict");
        assert!(matches!(wrong, Verdict::Wrong));
    }

    #[test]
    fn a_hash_at_weaker_parameters_is_made_anew() {
        // The reference implementation's hash of "password" with the salt "somesalt".
        let weaker = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let verdict = verify(&password("password"), &PasswordHash::stored(weaker.to_owned()), &mut Memory::default());
        let Verdict::Right { rehashed: Some(rehashed) } = verdict.expect("a verdict") else {
            panic!("right, hashed anew")
        };
        assert!(rehashed.as_str().contains("m=7168,t=5,p=1"), "{rehashed:?}");
    }

    #[test]
    fn what_is_typed_differently_and_looks_the_same_is_the_same_password() {
        assert_eq!(password("cafe\u{301}").0, password("caf\u{e9}").0);
    }
}

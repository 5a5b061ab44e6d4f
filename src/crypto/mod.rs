//! Cryptography: the server's secret and the keys derived from it, signatures, and how hard a password or a secret is
//! to guess. Start with `keys`.

pub mod keys;
mod password_hash;
mod randomness;
pub mod signer;
pub mod strength;

pub use password_hash::PasswordHash;

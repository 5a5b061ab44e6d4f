//! Signatures that only this service can make, for tokens of its own kinds (HMAC-SHA256, RFC 2104).

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};

/// The length of a signature in bytes: that of HMAC-SHA256.
pub const SIGNATURE: usize = 32;

/// Signs and verifies texts of one purpose (HMAC-SHA256, RFC 2104): the newest key signs, and signatures by older ones
/// are still good.
pub struct Signer {
    newest: hmac::Key,
    older: Vec<hmac::Key>,
}

impl Signer {
    /// A signer with the key `newest`, of any length but 32 bytes at best (RFC 2104 §3), which also verifies what the
    /// keys in `older` signed.
    #[must_use]
    pub fn new(newest: &[u8], older: &[[u8; 32]]) -> Self {
        let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
        Self { newest: key(newest), older: older.iter().map(|bytes| key(bytes)).collect() }
    }

    /// The signature of `parts` by the newest key. The bounds of the parts are signed too: `ab` and `c` have another
    /// signature than `a` and `bc`.
    #[must_use]
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; SIGNATURE] {
        signature(&self.newest, parts)
    }

    /// Whether `signature` is that of `parts` by any of the keys, compared in constant time; `false` if it has another
    /// length than [`SIGNATURE`].
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], signature: &[u8]) -> bool {
        let message = message(parts);
        self.keys().any(|key| hmac::verify(key, &message, signature).is_ok())
    }

    /// Whether the signature of `parts` by any of the keys begins with `beginning`, compared in constant time: 1 to 32
    /// bytes, and `false` for any other number; the fewer bytes, the weaker the proof.
    #[must_use]
    pub fn verify_beginning(&self, parts: &[&[u8]], beginning: &[u8]) -> bool {
        let message = message(parts);
        self.keys().any(|key| {
            let tag = hmac::sign(key, &message);
            let same = tag.as_ref().get(..beginning.len()).map(|same| verify_slices_are_equal(same, beginning));
            same.is_some_and(|same| same.is_ok()) && !beginning.is_empty()
        })
    }

    /// The signatures of `parts` by every key, the newest first: the values under which something may be stored that
    /// was signed before the secret changed.
    #[must_use]
    pub fn known_as(&self, parts: &[&[u8]]) -> Vec<[u8; SIGNATURE]> {
        self.keys().map(|key| signature(key, parts)).collect()
    }

    fn keys(&self) -> impl Iterator<Item = &hmac::Key> {
        std::iter::once(&self.newest).chain(&self.older)
    }
}

fn signature(key: &hmac::Key, parts: &[&[u8]]) -> [u8; SIGNATURE] {
    let tag = hmac::sign(key, &message(parts));
    // The first 32 bytes of 32.
    tag.as_ref().first_chunk().copied().unwrap_or_default()
}

fn message(parts: &[&[u8]]) -> Vec<u8> {
    let mut message = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        message.extend((part.len() as u64).to_be_bytes());
        message.extend_from_slice(part);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::Signer;

    #[test]
    fn a_signature_is_of_its_parts_only() {
        let signer = Signer::new(&[7; 32], &[]);
        let signature = signer.sign(&[b"ab", b"c"]);
        assert!(signer.verify(&[b"ab", b"c"], &signature));
        assert!(!signer.verify(&[b"a", b"bc"], &signature));
        assert!(!signer.verify(&[b"abc"], &signature));
        assert!(!signer.verify(&[b"ab", b"c"], &signature[..16]));
        assert!(signer.verify_beginning(&[b"ab", b"c"], &signature[..12]));
        assert!(!signer.verify_beginning(&[b"ab", b"c"], &signature[1..13]));
        assert!(!signer.verify_beginning(&[b"ab", b"c"], &[]));
        assert!(!signer.verify_beginning(&[b"ab", b"c"], &[signature.as_slice(), &[0]].concat()));
    }

    #[test]
    fn what_an_older_key_signed_is_good_until_the_key_is_gone() {
        let (old, both, new) =
            (Signer::new(&[7; 32], &[]), Signer::new(&[8; 32], &[[7; 32]]), Signer::new(&[8; 32], &[]));
        let signature = old.sign(&[b"a"]);
        assert!(both.verify(&[b"a"], &signature));
        assert!(!new.verify(&[b"a"], &signature));
        assert_eq!(both.sign(&[b"a"]), new.sign(&[b"a"]));
    }
}

//! Cursors: what leads from one page of a list to the next. Opaque to clients, and signed, so that they cannot be
//! made up or taken elsewhere.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::query::Refusal;
use crate::{
    auth::signer::{SIGNATURE, Signer},
    db::keyset::Key,
};

/// A cursor is the keys of the last row seen, signed together with what it is good for.
pub fn write_cursor(signer: &Signer, bound_to: &str, keys: &[Key]) -> serde_json::Result<String> {
    let keys = serde_json::to_vec(keys)?;
    let signature = signer.sign(&[bound_to.as_bytes(), &keys]);
    Ok(URL_SAFE_NO_PAD.encode([&signature, keys.as_slice()].concat()))
}

pub fn read_cursor(signer: &Signer, bound_to: &str, text: &str) -> Result<Vec<Key>, Refusal> {
    let cursor = URL_SAFE_NO_PAD.decode(text).map_err(|_| foreign_cursor())?;
    let (signature, keys) = cursor.split_at_checked(SIGNATURE).ok_or_else(foreign_cursor)?;
    if !signer.verify(&[bound_to.as_bytes(), keys], signature) {
        return Err(foreign_cursor());
    }
    serde_json::from_slice(keys).map_err(|_| foreign_cursor())
}

/// Why a cursor is refused.
pub fn foreign_cursor() -> Refusal {
    ("invalid_cursor", "Take a cursor from the Link header of this very list, sorted and filtered the same.".into())
}

#[cfg(test)]
mod tests {
    use super::{Key, Signer, read_cursor, write_cursor};

    #[test]
    fn a_cursor_is_good_for_its_own_list_only_and_cannot_be_made_up() {
        let key = Signer::new(&[7; 32], &[]);
        let keys = vec![Key::Text("rex".to_owned()), Key::Id(42)];
        let cursor = write_cursor(&key, "/dogowner/dogs?sort=name", &keys).expect("a cursor");
        assert_eq!(read_cursor(&key, "/dogowner/dogs?sort=name", &cursor), Ok(keys));
        for elsewhere in ["/dogowner/owners?sort=name", "/dogowner/dogs?sort=-name", "/dogowner/dogs?"] {
            assert!(read_cursor(&key, elsewhere, &cursor).is_err(), "{elsewhere}");
        }
        let other = Signer::new(&[8; 32], &[]);
        assert!(read_cursor(&other, "/dogowner/dogs?sort=name", &cursor).is_err());
        let shortened = cursor.chars().skip(1).collect::<String>();
        for wrong in ["", "42", &shortened, "AAAAAAAAACo"] {
            assert!(read_cursor(&key, "/dogowner/dogs?sort=name", wrong).is_err(), "{wrong}");
        }
    }
}

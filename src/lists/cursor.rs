//! Cursors, the parameter that leads from one page of a list to the next: opaque to clients, and signed, so that they
//! cannot be made up or used with another list.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::SortKey;
use crate::{
    crypto::signer::{SIGNATURE, Signer},
    wire::query::Refusal,
};

/// The position between two pages of a list, as the parameter `cursor` carries it: the keys of the last row seen, and
/// the parameters that are too long for the link to the next page, which is a header and has to stay short. Opaque to
/// clients, and signed for one list with its sort and filters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The values of the last row seen that the list is sorted by; the next page begins after them.
    #[serde(rename = "k")]
    pub keys: Vec<SortKey>,
    /// The long parameters of the request, with their values, which the link leaves out.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<(String, String)>,
}

impl Cursor {
    /// The cursor as text, signed together with `bound_to`: the path, sort and filters of the list that it is good for.
    ///
    /// # Errors
    /// Never in practice: the keys of a cursor are numbers and texts, which always serialize.
    pub fn write(&self, signer: &Signer, bound_to: &str) -> serde_json::Result<String> {
        let content = serde_json::to_vec(self)?;
        let signature = signer.sign(&[bound_to.as_bytes(), &content]);
        Ok(URL_SAFE_NO_PAD.encode([&signature, content.as_slice()].concat()))
    }

    /// Reads a cursor from text and checks its signature; `bound_to` returns the path, sort and filters of this
    /// request's list, given the parameters that the cursor carries.
    ///
    /// # Errors
    /// [`foreign_cursor`]: the text is no cursor, was made up, or is good for another list.
    pub fn read(
        signer: &Signer,
        bound_to: impl FnOnce(&[(String, String)]) -> String,
        text: &str,
    ) -> Result<Self, Refusal> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| foreign_cursor())?;
        let (signature, content) = bytes.split_at_checked(SIGNATURE).ok_or_else(foreign_cursor)?;
        let cursor: Self = serde_json::from_slice(content).map_err(|_| foreign_cursor())?;
        let is_ours = signer.verify(&[bound_to(&cursor.carried).as_bytes(), content], signature);
        is_ours.then_some(cursor).ok_or_else(foreign_cursor)
    }
}

/// The error `invalid_cursor` at the parameter `cursor`: not genuine, or of another list.
pub fn foreign_cursor() -> Refusal {
    ("invalid_cursor", "Take a cursor from the Link header of this very list, sorted and filtered the same.".into())
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Signer, SortKey};

    fn read(signer: &Signer, bound_to: &str, text: &str) -> Option<Cursor> {
        Cursor::read(signer, |_| bound_to.to_owned(), text).ok()
    }

    #[test]
    fn a_cursor_is_good_for_its_own_list_only_and_cannot_be_made_up() {
        let key = Signer::new(&[7; 32], &[]);
        let keys = vec![SortKey::Name("Rex".to_owned().into()), SortKey::Id(42)];
        let cursor = Cursor { keys, carried: vec![("q".to_owned(), "re".to_owned())] };
        let text = cursor.write(&key, "/dogowner/dogs?sort=name").expect("a cursor");
        assert_eq!(read(&key, "/dogowner/dogs?sort=name", &text), Some(cursor));
        for elsewhere in ["/dogowner/owners?sort=name", "/dogowner/dogs?sort=-name", "/dogowner/dogs?"] {
            assert_eq!(read(&key, elsewhere, &text), None, "{elsewhere}");
        }
        let other = Signer::new(&[8; 32], &[]);
        assert_eq!(read(&other, "/dogowner/dogs?sort=name", &text), None);
        let shortened = text.chars().skip(1).collect::<String>();
        for wrong in ["", "42", &shortened, "AAAAAAAAACo"] {
            assert_eq!(read(&key, "/dogowner/dogs?sort=name", wrong), None, "{wrong}");
        }
    }
}

//! The JSON bodies of the routes at `/me`.

use crate::{
    users::{Email, UserOut, UserRow, Username, key},
    wire::{Fields, FromBody},
};

/// The body of `PATCH /me`: a field that is `None` stays as it is.
#[derive(Default, PartialEq)]
pub struct UserPatch {
    /// The new username.
    pub username: Option<Username>,
    /// The new e-mail address, which takes effect once it is confirmed.
    pub email: Option<Email>,
}

impl UserPatch {
    /// The address in the patch, if it is not the present one in another spelling.
    #[must_use]
    pub fn other_email(&self, present: &UserRow) -> Option<&Email> {
        self.email.as_ref().filter(|email| email.key() != key(&present.email))
    }

    /// Whether the response tells if other accounts exist: the patch has a username or an address that is not the
    /// user's own.
    #[must_use]
    pub fn asks_about_others(&self, present: &UserRow) -> bool {
        let is_other_name = |username: &Username| username.key() != key(&present.username);
        self.username.as_ref().is_some_and(is_other_name) || self.other_email(present).is_some()
    }
}

impl FromBody for UserPatch {
    const READ_ONLY: &'static [&'static str] = UserOut::READ_ONLY;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let username = fields.change("username", Username::read);
        let email = fields.change("email", Email::read);
        Some(Self { username: username?, email: email? })
    }
}

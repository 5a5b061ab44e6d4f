//! The kinds of mails, and their texts. A mail's text is written when it is sent, from the account as it is then; one
//! whose reason is gone meanwhile is not written. Plain ASCII, and a link on a line of its own with the token at its end,
//! so that no server on the way has a reason to change it, and a program finds the token.

use super::token::Purpose;
use crate::{accounts::AccountRow, crypto::keys::Keys, urls::AppUrl};

/// A kind of mail, by the reason to send it. The text is written when the mail is sent, from the account as it is then
/// ([`MailKind::write`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailKind {
    /// Asks whether the address that was signed up with is the user's.
    Verify,
    /// Asks whether the new address that the account is to get is the user's.
    Confirm,
    /// Tells the present address that another one is to replace it, and how to cancel that.
    EmailChanging,
    /// Tells the former address that another one has replaced it.
    EmailChanged,
    /// Has a token to choose a new password with, since the old one was forgotten.
    Reset,
    /// Tells that the password was changed.
    PasswordChanged,
}

/// A mail with its words, ready to be sent.
#[derive(Debug)]
pub struct MailMessage {
    /// The address that the mail goes to.
    pub address: String,
    /// The subject of the mail, in ASCII.
    pub subject: &'static str,
    /// The text of the mail, in ASCII.
    pub text: String,
}

impl MailKind {
    const ALL: [Self; 6] =
        [Self::Verify, Self::Confirm, Self::EmailChanging, Self::EmailChanged, Self::Reset, Self::PasswordChanged];

    /// The name under which the kind is stored in the queue.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Confirm => "confirm",
            Self::EmailChanging => "email-changing",
            Self::EmailChanged => "email-changed",
            Self::Reset => "reset",
            Self::PasswordChanged => "password-changed",
        }
    }

    /// The kind whose name in the queue is `kind`; `None` if there is no such kind.
    #[must_use]
    pub fn stored(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == kind)
    }

    /// Writes a mail of this kind about `account` to `address`, the one that was queued with it (a mail about a
    /// forgotten password goes to the account's own spelling of it); tokens in it are made now, with `keys`, and links
    /// lead to `to`. `None` if its reason is gone, as when the address was verified meanwhile.
    #[must_use]
    pub fn write(self, address: &str, account: &AccountRow, keys: &Keys, to: &Destination) -> Option<MailMessage> {
        let AccountRow { username, email, pending, .. } = account;
        let token = |purpose: Purpose| purpose.token(keys, account);
        let (subject, text) = match self {
            Self::Verify => {
                let token = token(Purpose::Verify).filter(|_| address == email)?;
                ("Confirm your e-mail address", verify(username, &token, to))
            }
            Self::Confirm => {
                let token = token(Purpose::Confirm)
                    .filter(|_| pending.as_ref().is_some_and(|pending| pending.address == address))?;
                ("Confirm your new e-mail address", confirm(username, &token, to))
            }
            Self::EmailChanging => {
                let token = token(Purpose::Cancel).filter(|_| address == email)?;
                ("Your e-mail address is about to change", email_changing(username, &token, to))
            }
            Self::EmailChanged if address == email => return None,
            Self::EmailChanged => ("Your e-mail address was changed", email_changed(username, to)),
            Self::Reset => ("Choose a new password", reset(username, &token(Purpose::Reset)?, to)),
            Self::PasswordChanged => ("Your password was changed", password_changed(username, to)),
        };
        // The request for a new password may have spelled the address in another way.
        let address = if self == Self::Reset { email } else { address };
        Some(MailMessage { address: address.to_owned(), subject, text })
    }
}

/// The places that mails lead their readers to.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The URL where people reach the server, without a slash at its end, such as `https://kennel.example.com`.
    pub server: String,
    /// The page that does what a mail asks for.
    pub app: AppUrl,
}

impl Destination {
    /// The link that asks the page for `action`, as it stands in a mail.
    fn link(&self, action: &str, token: Option<&str>) -> String {
        format!("    {}", self.app.link(action, token))
    }

    fn verify_email(&self, token: &str) -> String {
        self.link("verify-email", Some(token))
    }

    fn forgot_password(&self) -> String {
        self.link("forgot-password", None)
    }
}

fn verify(username: &str, token: &str, to: &Destination) -> String {
    format!(
        "\
Hello {username},

you signed up at Kennel with this address. To confirm that it is yours,
open this page within 24 hours:

{}

If it was not you who signed up, do nothing.
",
        to.verify_email(token)
    )
}

fn confirm(username: &str, token: &str, to: &Destination) -> String {
    format!(
        "\
Hello {username},

you want this to be your e-mail address at Kennel. To confirm that it is
yours, open this page within 24 hours, and stay logged in until then where
you asked for it: what a login asked for ends with it.

{}

If it was not you, do nothing, and nothing changes.
",
        to.verify_email(token)
    )
}

fn email_changing(username: &str, token: &str, to: &Destination) -> String {
    format!(
        "\
Hello {username},

somebody who is logged in as you wants another e-mail address for your account
at Kennel. It takes the place of this one once it is confirmed from there.

If it was not you, open this page within a week. It calls the change off, and
ends the login that asked for it:

{}

Then choose a new password, which ends all other logins and all API keys, too.
This sends you a link for it:

{}
",
        to.link("cancel-email", Some(token)),
        to.forgot_password()
    )
}

fn email_changed(username: &str, to: &Destination) -> String {
    format!(
        "\
Hello {username},

your account at Kennel has another e-mail address now, which was confirmed
from there. This is the last mail to the old one.

If it was not you, somebody else uses your account. Tell the people who run
{}
",
        to.server
    )
}

fn reset(username: &str, token: &str, to: &Destination) -> String {
    format!(
        "\
Hello {username},

somebody, perhaps you, forgot the password of your account at Kennel. To
choose a new one, open this page within one hour:

{}

If it was not you, do nothing: your password stays as it is.
",
        to.link("reset-password", Some(token))
    )
}

fn password_changed(username: &str, to: &Destination) -> String {
    format!(
        "\
Hello {username},

the password of your account at Kennel was changed. Its other logins were
ended, and so were its API keys, unless whoever changed it kept them.

If it was not you, choose a new one. This sends you a link for it:

{}
",
        to.forgot_password()
    )
}

#[cfg(test)]
mod tests {
    use super::{Destination, MailKind, MailMessage};
    use crate::{
        accounts::AccountRow,
        crypto::keys::{Keys, Secret},
        ids::SessionId,
        sessions::PendingEmail,
    };

    const PAGE: &str = "https://app.example.com/account";

    fn write(letter: MailKind, address: &str, account: &AccountRow) -> Option<MailMessage> {
        let to = Destination { server: "https://kennel.example.com".to_owned(), app: PAGE.parse().expect("a page") };
        let secret = Secret::parse("s3Yx0V1kq6Jm2aTzF8cWnHdRb5LpQeGuC7vXyKj9M4o").expect("a secret");
        letter.write(address, account, &Keys::derive(&secret, &[], "a").expect("keys"), &to)
    }

    #[test]
    fn every_letter_is_plain_and_leads_to_the_page_with_its_token_at_the_end_of_a_line() {
        let mut account = AccountRow::sample();
        let address = "new@example.com".to_owned();
        account.pending =
            Some(PendingEmail { session: SessionId::new(7).expect("an id"), address, asked_at: account.created_at });
        for (letter, address, actions) in [
            (MailKind::Verify, "ann@example.com", &["verify-email&token="][..]),
            (MailKind::Confirm, "new@example.com", &["verify-email&token="]),
            (MailKind::EmailChanging, "ann@example.com", &["cancel-email&token=", "forgot-password"]),
            (MailKind::EmailChanged, "old@example.com", &[]),
            (MailKind::Reset, "ann@example.com", &["reset-password&token="]),
            (MailKind::PasswordChanged, "ann@example.com", &["forgot-password"]),
        ] {
            assert_eq!(MailKind::stored(letter.as_str()), Some(letter));
            let MailMessage { address: to, subject, text } = write(letter, address, &account).expect("a reason");
            assert_eq!(to, address);
            assert!(subject.is_ascii() && text.is_ascii() && text.contains("Hello ann,"), "{text}");
            let (links, prose): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("    "));
            assert!(prose.iter().all(|line| line.len() <= 78), "{text}");
            assert_eq!(links.len(), actions.len(), "{text}");
            for (link, action) in links.iter().zip(actions) {
                let token = link.strip_prefix(&format!("    {PAGE}#action={action}")).expect("a link to the page");
                assert_eq!(token.is_empty(), !action.ends_with('='), "{text}");
                assert!(link.len() <= 998 && !token.contains([' ', '&']), "{text}");
            }
        }
    }

    #[test]
    fn a_letter_whose_reason_is_gone_is_not_written() {
        let account = AccountRow::sample();
        let verified = AccountRow { verified_at: Some(account.created_at), ..AccountRow::sample() };
        assert!(write(MailKind::Verify, "ann@example.com", &verified).is_none());
        assert!(write(MailKind::Verify, "older@example.com", &account).is_none());
        assert!(write(MailKind::Confirm, "new@example.com", &account).is_none());
        assert!(write(MailKind::EmailChanging, "ann@example.com", &account).is_none());
        assert!(write(MailKind::EmailChanged, "ann@example.com", &account).is_none());
    }

    #[test]
    fn who_forgot_the_password_is_written_to_at_the_address_that_we_know() {
        let reset = write(MailKind::Reset, "ANN@example.com", &AccountRow::sample()).expect("a reason");
        assert_eq!(reset.address, "ann@example.com");
    }
}

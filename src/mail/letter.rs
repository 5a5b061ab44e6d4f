//! What we write about, and the words. A letter is made when it is sent, of the account as it is then; one whose
//! reason is gone meanwhile is not written. Plain ASCII, and a token on a line of its own, so that nothing on the way
//! has a reason to change it.

use crate::{
    auth::{keys::Keys, proof::Purpose},
    users::AccountRow,
};

/// A reason to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Letter {
    /// Somebody signed up with the address.
    Verify,
    /// Somebody wants to have the address from now on.
    Confirm,
    /// The address is to be replaced by another one, if that is confirmed.
    EmailChanging,
    /// The address is not the account's any more.
    EmailChanged,
    /// Somebody forgot the password.
    Reset,
    /// The password is another one.
    PasswordChanged,
}

/// A letter as it is sent.
#[derive(Debug)]
pub struct Written {
    pub address: String,
    pub subject: &'static str,
    pub text: String,
}

impl Letter {
    const ALL: [Self; 6] =
        [Self::Verify, Self::Confirm, Self::EmailChanging, Self::EmailChanged, Self::Reset, Self::PasswordChanged];

    /// As it is stored.
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

    /// The one that is stored so.
    #[must_use]
    pub fn stored(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|letter| letter.as_str() == kind)
    }

    /// Writes it to `address`, as it was when there was a reason; none, if the reason is gone. `url` is where people
    /// reach the server.
    #[must_use]
    pub fn write(self, address: &str, account: &AccountRow, keys: &Keys, url: &str) -> Option<Written> {
        let AccountRow { username, email, pending, .. } = account;
        let token = |purpose: Purpose| purpose.token(keys, account);
        let (subject, text) = match self {
            Self::Verify => {
                let token = token(Purpose::Verify).filter(|_| address == email)?;
                ("Confirm your e-mail address", verify(username, &token, url))
            }
            Self::Confirm => {
                let token = token(Purpose::Confirm)
                    .filter(|_| pending.as_ref().is_some_and(|pending| pending.address == address))?;
                ("Confirm your new e-mail address", confirm(username, &token, url))
            }
            Self::EmailChanging => {
                let token = token(Purpose::Cancel).filter(|_| address == email)?;
                ("Your e-mail address is about to change", email_changing(username, &token, url))
            }
            Self::EmailChanged if address == email => return None,
            Self::EmailChanged => ("Your e-mail address was changed", email_changed(username, url)),
            Self::Reset => ("Choose a new password", reset(username, &token(Purpose::Reset)?, url)),
            Self::PasswordChanged => ("Your password was changed", password_changed(username, url)),
        };
        // Who forgot the password may have spelled the address in another way.
        let address = if self == Self::Reset { email } else { address };
        Some(Written { address: address.to_owned(), subject, text })
    }
}

fn verify(username: &str, token: &str, url: &str) -> String {
    format!(
        "\
Hello {username},

you signed up at Kennel with this address. To confirm that it is yours, send
this token back within 24 hours:

    {token}

{}

If it was not you who signed up, do nothing.
",
        command(url, "email/verify", &format!(r#"{{"token":"{token}"}}"#))
    )
}

fn confirm(username: &str, token: &str, url: &str) -> String {
    format!(
        "\
Hello {username},

you want this to be your e-mail address at Kennel. To confirm that it is
yours, send this token back within 24 hours, and stay logged in until then
where you asked for it: what a login asked for ends with it.

    {token}

{}

If it was not you, do nothing, and nothing changes.
",
        command(url, "email/verify", &format!(r#"{{"token":"{token}"}}"#))
    )
}

fn email_changing(username: &str, token: &str, url: &str) -> String {
    format!(
        "\
Hello {username},

somebody who is logged in as you wants another e-mail address for your account
at Kennel. It takes the place of this one once it is confirmed from there.

If it was not you, send this token back within a week. It calls the change
off, and ends the login that asked for it:

    {token}

{}

Then choose a new password, which ends all other logins, too. This sends you a
token for it:

{}
",
        command(url, "email/cancel", &format!(r#"{{"token":"{token}"}}"#)),
        command(url, "password/forgot", r#"{"email":"YOUR ADDRESS"}"#)
    )
}

fn email_changed(username: &str, url: &str) -> String {
    format!(
        "\
Hello {username},

your account at Kennel has another e-mail address now, which was confirmed
from there. This is the last mail to the old one.

If it was not you, somebody else uses your account. Tell the people who run
{url}
"
    )
}

fn reset(username: &str, token: &str, url: &str) -> String {
    format!(
        "\
Hello {username},

somebody, perhaps you, forgot the password of your account at Kennel. To
choose a new one, send it with this token within one hour:

    {token}

{}

If it was not you, do nothing: your password stays as it is.
",
        command(url, "password/reset", &format!(r#"{{"token":"{token}","password":"A NEW PASSWORD"}}"#))
    )
}

fn password_changed(username: &str, url: &str) -> String {
    format!(
        "\
Hello {username},

the password of your account at Kennel was changed, and its other logins were
ended.

If it was not you, choose a new one. This sends you a token for it:

{}
",
        command(url, "password/forgot", r#"{"email":"YOUR ADDRESS"}"#)
    )
}

/// How one does it from a command line.
fn command(url: &str, path: &str, body: &str) -> String {
    format!("    curl {url}/auth/{path} -H 'Content-Type: application/json' -d '{body}'")
}

#[cfg(test)]
mod tests {
    use super::{Letter, Written};
    use crate::{
        auth::keys::{Keys, Secret},
        db::DatabaseId,
        sessions::PendingEmail,
        users::AccountRow,
    };

    fn write(letter: Letter, address: &str, account: &AccountRow) -> Option<Written> {
        let secret = Secret::parse("s3Yx0V1kq6Jm2aTzF8cWnHdRb5LpQeGuC7vXyKj9M4o").expect("a secret");
        letter.write(
            address,
            account,
            &Keys::derive(&secret, &[], &DatabaseId::stored("a".to_owned())).expect("keys"),
            "https://kennel.example.com",
        )
    }

    #[test]
    fn every_letter_is_plain_and_has_its_token_on_a_line_of_its_own() {
        let mut account = AccountRow::sample();
        let address = "new@example.com".to_owned();
        account.pending = Some(PendingEmail { session: 7, address, asked_at: account.created_at });
        for letter in Letter::ALL {
            assert_eq!(Letter::stored(letter.as_str()), Some(letter));
            let address = match letter {
                Letter::Confirm => "new@example.com",
                Letter::EmailChanged => "old@example.com",
                _ => "ann@example.com",
            };
            let Written { address: to, subject, text } = write(letter, address, &account).expect("a reason");
            assert_eq!(to, address);
            assert!(subject.is_ascii() && text.is_ascii() && text.contains("Hello ann,"), "{text}");
            assert!(text.lines().all(|line| line.len() <= 78 || line.starts_with("    curl ")), "{text}");
            assert!(text.lines().all(|line| line.len() <= 998), "{text}");
            let alone = |line: &&str| line.starts_with("    ") && !line.trim().contains(' ');
            let tokens: Vec<_> = text.lines().filter(alone).map(str::trim).collect();
            let is_notice = matches!(letter, Letter::EmailChanged | Letter::PasswordChanged);
            assert_eq!(tokens.len(), usize::from(!is_notice), "{text}");
            assert!(tokens.iter().all(|token| text.contains(&format!(r#"{{"token":"{token}""#))), "{text}");
        }
    }

    #[test]
    fn a_letter_whose_reason_is_gone_is_not_written() {
        let account = AccountRow::sample();
        let verified = AccountRow { verified_at: Some(account.created_at), ..AccountRow::sample() };
        assert!(write(Letter::Verify, "ann@example.com", &verified).is_none());
        assert!(write(Letter::Verify, "older@example.com", &account).is_none());
        assert!(write(Letter::Confirm, "new@example.com", &account).is_none());
        assert!(write(Letter::EmailChanging, "ann@example.com", &account).is_none());
        assert!(write(Letter::EmailChanged, "ann@example.com", &account).is_none());
    }

    #[test]
    fn who_forgot_the_password_is_written_to_at_the_address_that_we_know() {
        let reset = write(Letter::Reset, "ANN@example.com", &AccountRow::sample()).expect("a reason");
        assert_eq!(reset.address, "ann@example.com");
    }
}

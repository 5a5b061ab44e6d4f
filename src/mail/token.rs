//! The tokens in mails: each proves that its holder reads the mail of an address. They are signed and not stored, each
//! together with the state of the account that it changes, so that it is worth nothing once that has changed, by this
//! token or another one.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    accounts::AccountRow,
    crypto::{
        keys::Keys,
        signer::{SIGNATURE, Signer},
    },
    db::timestamp::Timestamp,
    ids::UserId,
    sessions::PendingEmail,
};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The lifetime of a cancelling token: longer than that of the confirming one, which is sent within three days.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The purpose of a token in a mail, which proves that its holder reads the mail of an address. No token is stored: it
/// is signed together with the state of the account that it changes, and so worth nothing once that has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To set a new password, for an hour. The token ends with the present password, and with the address.
    Reset,
    /// To verify the address of a new account, for a day.
    Verify,
    /// To confirm a new address that a session asked for, for a day. It is mailed to the new address. When the session
    /// ends, or the password changes, nothing is asked for any more and the token is void.
    Confirm,
    /// To withdraw a new address that a session asked for and that is not confirmed yet, for a week. It is mailed to the
    /// present address, and void when the token of [`Purpose::Confirm`] is; a confirmed address is not taken back.
    Cancel,
}

impl Purpose {
    /// Makes a new token, `<user>.<expiry>.<signature>`, for the account as it is now; `None` where it would have
    /// nothing to do, as when the address is verified already.
    #[must_use]
    pub fn token(self, keys: &Keys, account: &AccountRow) -> Option<String> {
        let expires_at = Timestamp::now().plus(self.life()).seconds();
        let signature = self.signer(keys).sign(&slices(&self.signed(account, expires_at)?));
        Some(format!("{}.{expires_at}.{}", account.id, URL_SAFE_NO_PAD.encode(signature)))
    }

    fn life(self) -> Duration {
        match self {
            Self::Reset => HOUR,
            Self::Verify | Self::Confirm => DAY,
            Self::Cancel => WEEK,
        }
    }

    fn signer(self, keys: &Keys) -> &Signer {
        match self {
            Self::Reset => &keys.resets,
            Self::Verify | Self::Confirm | Self::Cancel => &keys.verifications,
        }
    }

    /// The parts that a token's signature covers; `None` where it would have nothing to do.
    fn signed(self, account: &AccountRow, expires_at: i64) -> Option<Vec<Vec<u8>>> {
        let AccountRow { id, email, pending, verified_at, password_hash, .. } = account;
        let (name, password_hash, pending) = match self {
            Self::Reset => ("reset", password_hash.as_str(), None),
            Self::Verify if verified_at.is_some() => return None,
            Self::Verify => ("verify", "", None),
            // A change of the password has called the new address off.
            Self::Confirm => ("confirm", password_hash.as_str(), Some(pending.as_ref()?)),
            Self::Cancel => ("cancel", password_hash.as_str(), Some(pending.as_ref()?)),
        };
        let new_email = pending.map_or("", |pending| &pending.address);
        let [id, expires_at] = [id.get(), expires_at].map(|number| number.to_be_bytes().to_vec());
        let [name, email, password_hash, new_email] =
            [name, email, password_hash, new_email].map(|text| text.as_bytes().to_vec());
        let mut parts = vec![name, id, expires_at, email, password_hash, new_email];
        // A second request for the same address has other tokens.
        if let Some(PendingEmail { session, asked_at, .. }) = pending {
            parts.extend([session.get(), asked_at.micros()].map(|number| number.to_be_bytes().to_vec()));
        }
        Some(parts)
    }
}

/// A mail token as a client presents it, parsed and not expired, but not yet known to be genuine: see
/// [`MailToken::is_for`].
pub struct MailToken {
    /// The user whose account it claims to be for.
    pub user: UserId,
    expires_at: i64,
    signature: Vec<u8>,
}

impl MailToken {
    /// Reads a token, `<user>.<expiry>.<signature>`: the user's id, the first second (since 1970) in which it is void,
    /// and 32 bytes in base64url without padding; `None` if the text cannot be one, or it has expired.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (user, expires_at, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let expires_at = expires_at.parse().ok().filter(|expires_at| *expires_at > Timestamp::now().seconds())?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok().filter(|bytes| bytes.len() == SIGNATURE)?;
        parts.next().is_none().then_some(Self { user: UserId::parse(user)?, expires_at, signature })
    }

    /// Whether this service made the token for `purpose`, and for the account as it is now.
    #[must_use]
    pub fn is_for(&self, purpose: Purpose, keys: &Keys, account: &AccountRow) -> bool {
        let signed = purpose.signed(account, self.expires_at).filter(|_| account.id == self.user);
        signed.is_some_and(|parts| purpose.signer(keys).verify(&slices(&parts), &self.signature))
    }
}

fn slices(parts: &[Vec<u8>]) -> Vec<&[u8]> {
    parts.iter().map(Vec::as_slice).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        AccountRow, Duration, Keys, MailToken, PendingEmail,
        Purpose::{self, Cancel, Confirm, Reset, Verify},
        Timestamp,
    };
    use crate::{
        crypto::keys::Secret,
        ids::{SessionId, UserId},
    };

    const PURPOSES: [Purpose; 4] = [Reset, Verify, Confirm, Cancel];

    fn keys(secret: &str, previous: &[&str]) -> Keys {
        let parse = |text: &str| Secret::parse(text).expect("a secret");
        let previous: Vec<_> = previous.iter().copied().map(parse).collect();
        Keys::derive(&parse(secret), &previous, "a").expect("keys")
    }

    const OLD: &str = "s3Yx0V1kq6Jm2aTzF8cWnHdRb5LpQeGuC7vXyKj9M4o";
    const NEW: &str = "q3Zt0PfWmJx8y7Vd2nKcLr5GhUeB1sAoT6iYwXvN9Qk";

    fn ann() -> AccountRow {
        AccountRow { pending: Some(pending()), ..AccountRow::sample() }
    }

    fn pending() -> PendingEmail {
        PendingEmail {
            session: SessionId::new(7).expect("an id"),
            address: "new@example.com".to_owned(),
            asked_at: late(),
        }
    }

    /// The last moment of all.
    fn late() -> Timestamp {
        Timestamp::now().plus(Duration::MAX)
    }

    /// The purposes that a token for `purpose` can be used for once `account` is as it is.
    fn good_for(purpose: Purpose, account: &AccountRow) -> Vec<Purpose> {
        let keys = keys(OLD, &[]);
        let token = purpose.token(&keys, &ann()).expect("something to do");
        assert!(token.len() <= 128 && token.is_ascii(), "{token}");
        let proof = MailToken::parse(&token).expect("a token");
        PURPOSES.into_iter().filter(|purpose| proof.is_for(*purpose, &keys, account)).collect()
    }

    #[test]
    fn a_token_is_good_for_its_purpose_only_and_only_as_long_as_there_is_something_to_do() {
        let changed = |change: fn(&mut AccountRow)| {
            let mut account = ann();
            change(&mut account);
            PURPOSES.into_iter().filter(|purpose| good_for(*purpose, &account) == [*purpose]).collect::<Vec<_>>()
        };
        assert_eq!(changed(|_| {}), PURPOSES);
        assert_eq!(changed(|ann| ann.password_hash = "another".to_owned()), [Verify]);
        assert_eq!(changed(|ann| ann.email = "another@example.com".to_owned()), [] as [Purpose; 0]);
        for pending in [
            None,
            Some(PendingEmail { address: "another@example.com".to_owned(), ..pending() }),
            Some(PendingEmail { session: SessionId::new(8).expect("an id"), ..pending() }),
            Some(PendingEmail { asked_at: late().minus(Duration::from_micros(1)), ..pending() }),
        ] {
            let mut account = ann();
            account.pending = pending;
            let good = PURPOSES.into_iter().filter(|purpose| good_for(*purpose, &account) == [*purpose]);
            assert_eq!(good.collect::<Vec<_>>(), [Reset, Verify]);
        }
        assert_eq!(changed(|ann| ann.verified_at = Some(ann.created_at)), [Reset, Confirm, Cancel]);
        assert_eq!(changed(|ann| ann.id = UserId::new(2).expect("an id")), [] as [Purpose; 0]);
    }

    #[test]
    fn a_token_is_not_good_if_it_is_changed_or_too_old() {
        let keys = keys(OLD, &[]);
        let token = Reset.token(&keys, &ann()).expect("something to do");
        let is_good = |text: &str| MailToken::parse(text).is_some_and(|proof| proof.is_for(Reset, &keys, &ann()));
        assert!(is_good(&token));
        let parts: Vec<_> = token.split('.').collect();
        let later = parts[1].parse::<i64>().expect("seconds") + 1;
        for wrong in [
            String::new(),
            "..".to_owned(),
            format!("{token}."),
            format!("{token}A"),
            format!("{}.{later}.{}", parts[0], parts[2]),
            format!("{}.1.{}", parts[0], parts[2]),
            format!("2.{}.{}", parts[1], parts[2]),
            format!("{}.{}.{}", parts[0], parts[1], "A".repeat(43)),
        ] {
            assert!(!is_good(&wrong), "{wrong}");
        }
    }

    #[test]
    fn a_token_of_an_earlier_secret_is_good_as_long_as_that_is_known() {
        let token = Reset.token(&keys(OLD, &[]), &ann()).expect("something to do");
        let proof = MailToken::parse(&token).expect("a token");
        assert!(proof.is_for(Reset, &keys(NEW, &[OLD]), &ann()));
        assert!(!proof.is_for(Reset, &keys(NEW, &[]), &ann()));
    }
}

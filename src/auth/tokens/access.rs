//! Access tokens: JWT (RFC 7519, and RFC 9068's `typ: at+jwt`), signed with HS256 and nothing else. A token
//! that is valid here may still belong to a session that ended; the gate looks that up in the database.

use std::{collections::HashSet, time::Duration};

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize};

use crate::{
    crypto::keys::{AccessKey, Keys},
    current_user::TokenSubject,
    db::timestamp::Timestamp,
    ids::{SessionId, UserId},
    problem::{Kind, Problem},
};

/// The audience of access tokens (`aud`): this service.
const SERVICE: &str = "kennel";
/// The most by which the clocks of two instances may be apart, in seconds.
const LEEWAY: i64 = 5;
/// The longest lifetime of a token, in seconds, whatever its own claims say.
const LONGEST_LIFE: i64 = 3600;
/// The longest text that is read as a token, in bytes.
const LONGEST_TOKEN: usize = 4096;

/// The claims of a token. All are required.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: i64,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    auth_time: i64,
}

/// The issuer and verifier of access tokens: JWT (RFC 7519, with RFC 9068's `typ: at+jwt`) signed with HS256. Whether a
/// token's session still stands it does not know: the gate ([`gate`](crate::auth::gate::gate)) asks the database.
pub struct AccessTokens {
    issuer: String,
    header: Header,
    encoding: EncodingKey,
    /// The keys that verify; the first is the newest, which signs.
    keys: Vec<VerifyingKey>,
    validation: Validation,
    /// The validation of tokens that may have expired.
    lenient: Validation,
    /// The lifetime of a new token, `ACCESS_TOKEN_TTL`.
    pub life: Duration,
}

/// A key that verifies tokens, and how those begin.
struct VerifyingKey {
    /// The encoded header of every token under this key, with its dot. A token that begins otherwise has another
    /// algorithm, key, type or a `crit`, and is refused before anything of it is decoded (RFC 8725).
    prefix: String,
    decoding: DecodingKey,
}

impl VerifyingKey {
    fn new(key: &AccessKey) -> Result<Self, jsonwebtoken::errors::Error> {
        let sample = jsonwebtoken::encode(&header(key), &(), &EncodingKey::from_secret(&key.secret))?;
        let prefix = sample.split_inclusive('.').next().unwrap_or_default().to_owned();
        Ok(Self { prefix, decoding: DecodingKey::from_secret(&key.secret) })
    }
}

fn header(key: &AccessKey) -> Header {
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(key.id.clone());
    header
}

impl AccessTokens {
    /// The issuer and verifier of access tokens that are valid for `life`, an hour at most: a token that lives longer
    /// is refused by [`AccessTokens::verify`]. The newest of the access keys in `keys` signs; all of them verify.
    ///
    /// # Errors
    /// `InvalidKeyFormat`, when there is no access key; the error of encoding the header.
    pub fn new(keys: &Keys, life: Duration) -> Result<Self, jsonwebtoken::errors::Error> {
        let newest = keys.access.first().ok_or(ErrorKind::InvalidKeyFormat)?;
        let mut lenient = validation(&keys.issuer);
        lenient.validate_exp = false;
        Ok(Self {
            issuer: keys.issuer.clone(),
            header: header(newest),
            encoding: EncodingKey::from_secret(&newest.secret),
            keys: keys.access.iter().map(VerifyingKey::new).collect::<Result<_, _>>()?,
            validation: validation(&keys.issuer),
            lenient,
            life,
        })
    }

    /// Makes a new access token for a session's user, valid from now on for [`AccessTokens::life`].
    ///
    /// # Errors
    /// `internal-error`, when the system gives no random numbers.
    pub fn issue(&self, subject: TokenSubject) -> Result<String, Problem> {
        let now = Timestamp::now();
        let mut id = [0; 16];
        rand::fill(&mut id).map_err(Problem::internal)?;
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: SERVICE.to_owned(),
            sub: subject.user.to_string(),
            sid: subject.session.get(),
            jti: URL_SAFE_NO_PAD.encode(id),
            iat: now.seconds(),
            nbf: now.seconds(),
            exp: now.plus(self.life).seconds(),
            auth_time: subject.auth_time,
        };
        jsonwebtoken::encode(&self.header, &claims, &self.encoding).map_err(Problem::internal)
    }

    /// Checks a token's signature, issuer and lifetime. Returns its subject, and the last second in which it is valid,
    /// since 1970: 5 seconds after its claim `exp`, as clocks may differ.
    ///
    /// # Errors
    /// `expired-token`; `invalid-token` for everything else that is wrong with it, such as more than 4,096 bytes or a
    /// lifetime of more than an hour.
    pub fn verify(&self, token: &str) -> Result<(TokenSubject, i64), Problem> {
        self.check(token, &self.validation)
    }

    /// Checks a token as [`AccessTokens::verify`] does, but for its lifetime: an expired token still says which session
    /// a logout is to end.
    ///
    /// # Errors
    /// `invalid-token`, as [`AccessTokens::verify`].
    pub fn verify_even_if_expired(&self, token: &str) -> Result<TokenSubject, Problem> {
        self.check(token, &self.lenient).map(|(subject, _)| subject)
    }

    fn check(&self, token: &str, validation: &Validation) -> Result<(TokenSubject, i64), Problem> {
        let invalid = || Problem::new(Kind::InvalidToken);
        if token.len() > LONGEST_TOKEN {
            return Err(invalid());
        }
        let key = self.keys.iter().find(|key| token.starts_with(&key.prefix)).ok_or_else(invalid)?;
        let claims = match jsonwebtoken::decode::<Claims>(token, &key.decoding, validation) {
            Ok(token) => token.claims,
            Err(error) if matches!(error.kind(), ErrorKind::ExpiredSignature) => {
                return Err(Kind::ExpiredToken.into());
            }
            Err(_) => return Err(invalid()),
        };
        let issued_in_the_future = claims.iat > Timestamp::now().seconds() + LEEWAY;
        let lives_too_long = claims.exp.saturating_sub(claims.iat) > LONGEST_LIFE;
        if issued_in_the_future || lives_too_long {
            return Err(invalid());
        }
        let user = UserId::parse(&claims.sub).ok_or_else(invalid)?;
        let session = SessionId::new(claims.sid).ok_or_else(invalid)?;
        Ok((TokenSubject { user, session, auth_time: claims.auth_time }, claims.exp.saturating_add(LEEWAY)))
    }
}

/// The checks of a token's claims: stricter than jsonwebtoken's defaults, as RFC 8725 asks.
fn validation(issuer: &str) -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims = HashSet::from(["exp", "nbf", "iss", "aud", "sub"].map(str::to_owned));
    validation.leeway = LEEWAY.unsigned_abs();
    validation.validate_nbf = true;
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[SERVICE]);
    validation
}

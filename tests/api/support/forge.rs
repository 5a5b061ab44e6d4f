//! Forged access tokens: a real one is taken apart, changed, and signed with the secret that the tests' servers
//! use, so that nothing but the change is wrong with it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use kennel::crypto::keys::{Keys, Secret};
use kennel::db::DatabaseId;
use serde_json::Value;

use super::app::SECRET;

#[derive(Clone)]
pub struct Forge {
    pub header: Value,
    pub claims: Value,
    /// The header's very text, for as long as nothing in it is changed.
    header_text: String,
}

impl Forge {
    /// Takes a real token apart.
    pub fn of(token: &str) -> Self {
        let mut parts = token.split('.').map(|part| String::from_utf8(decode(part)).expect("text in a segment"));
        let (header_text, claims) = (parts.next().expect("a header"), parts.next().expect("claims"));
        let parse = |text: &str| serde_json::from_str(text).expect("JSON in a segment");
        Self { header: parse(&header_text), claims: parse(&claims), header_text }
    }

    pub fn with_header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self.header_text = self.header.to_string();
        self
    }

    pub fn without_header(mut self, name: &str) -> Self {
        self.header =
            self.header.as_object().into_iter().flatten().filter(|(key, _)| *key != name).map(owned).collect();
        self.header_text = self.header.to_string();
        self
    }

    pub fn with_claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims =
            self.claims.as_object().into_iter().flatten().filter(|(key, _)| *key != name).map(owned).collect();
        self
    }

    pub fn header_text(&self) -> &str {
        &self.header_text
    }

    /// A time claim, moved by so many seconds.
    pub fn moved(self, claim: &str, seconds: i64) -> Self {
        let time = self.claims[claim].as_i64().expect("a time");
        self.with_claim(claim, time + seconds)
    }

    /// All times of the token, so many seconds ago.
    pub fn aged(self, seconds: i64) -> Self {
        ["iat", "nbf", "exp", "auth_time"].into_iter().fold(self, |forge, claim| forge.moved(claim, -seconds))
    }

    /// Signed as the server does.
    pub fn signed(&self) -> String {
        self.signed_as(Algorithm::HS256, &key())
    }

    pub fn signed_as(&self, algorithm: Algorithm, key: &[u8]) -> String {
        sign(&self.header_text, &self.claims.to_string(), algorithm, key)
    }

    /// With this signature, whatever it is worth.
    pub fn with_signature(&self, signature: &str) -> String {
        format!("{}.{}.{signature}", encode(&self.header_text), encode(self.claims.to_string()))
    }
}

fn owned((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

/// Signs a header and claims that need not be JSON.
pub fn sign(header: &str, claims: &str, algorithm: Algorithm, key: &[u8]) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = crypto::sign(message.as_bytes(), &EncodingKey::from_secret(key), algorithm);
    format!("{message}.{}", signature.expect("it can be signed"))
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn decode(segment: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(segment).expect("base64url")
}

/// The key that the tests' servers sign access tokens with.
pub fn key() -> [u8; 32] {
    let secret = Secret::parse(SECRET).expect("a good secret");
    Keys::derive(&secret, &[], DatabaseId::stored("any".to_owned())).expect("keys of a good secret").access[0].secret
}

//! [`Valid`]: the extractor that lets only acceptable bodies into a handler.

use std::{
    cell::Cell,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    time::{Duration, Instant},
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::{
        Method,
        header::{self, HeaderName, HeaderValue},
    },
    web::{Bytes, BytesMut},
};
use futures_util::Stream;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::reference::read_fields;
use crate::{
    credentials::reauthenticate,
    headers::{parts, single, split_unquoted},
    problem::{Kind, Problem},
    wire::FromBody,
};

/// The limits on the body of a request.
#[derive(Clone, Copy)]
pub struct BodyLimits {
    /// The most bytes. A longer body is refused with `content-too-large`.
    pub bytes: usize,
    /// The longest time for the whole body to arrive; actix itself has no such limit. `request-timeout` after it.
    pub patience: Duration,
}

/// The limits on nearly every body: 64 KiB in 10 seconds.
const USUAL: BodyLimits = BodyLimits { bytes: 65_536, patience: Duration::from_secs(10) };

/// The most values in one JSON document, each member of each object and list, so that memory stays near the bytes that
/// came: a value takes 72 bytes there, and in the document two. Only of a large body can there be more.
const MOST_VALUES: usize = 500_000;

/// The time after which the sender of a body is authenticated again. Nearly all bodies come with their headers.
const BODY_PROMPTNESS: Duration = Duration::from_millis(100);

/// The mark that some programs put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The name of the header that tells which bodies PATCH takes (RFC 5789 §3.1). Its value is [`PATCH_TYPES`].
pub const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// The value of [`ACCEPT_PATCH`]: a merge patch (RFC 7396), by its own media type and as plain JSON.
pub const PATCH_TYPES: HeaderValue = HeaderValue::from_static("application/merge-patch+json, application/json");

/// The extractor of a JSON body as a `T` that was found acceptable: a handler that takes it never sees another. Refuses
/// the request with the problems of [`read_json`] (`unsupported-media-type`, `malformed-json` and others), or with
/// `validation-failed`, which lists every field that is not acceptable.
pub struct Valid<T>(
    /// The body as it was read.
    pub T,
);

impl<T: FromBody> FromRequest for Valid<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let json = read_json(request, payload);
        let request = request.clone();
        Box::pin(async move { read_fields(&request, json.await?).await.map(Valid) })
    }
}

/// The extractor of a JSON body that may be absent (`None` for an empty one, which needs no `Content-Type`); otherwise
/// the same as [`Valid`].
pub struct Optional<T>(
    /// The body as it was read; `None`, if it was empty.
    pub Option<T>,
);

impl<T: FromBody> FromRequest for Optional<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let body = collect_in_time(&request, &mut payload, USUAL).await?;
            if body.is_empty() {
                return Ok(Self(None));
            }
            check_content_type(&request)?;
            let json = parse(&body)?;
            read_fields(&request, json).await.map(|body| Self(Some(body)))
        })
    }
}

/// Reads the body of a request as JSON, of at most 64 KiB.
///
/// # Errors
/// As [`read_bytes`] and [`parse`].
pub fn read_json(request: &HttpRequest, payload: &mut Payload) -> impl Future<Output = Result<Value, Problem>> + use<> {
    let body = read_bytes(request, payload, USUAL);
    async move { parse(&body.await?) }
}

/// Reads the body of a request that is sent as JSON, for [`parse`].
///
/// # Errors
/// `unsupported-media-type`, when it is not sent as JSON; `content-too-large` and `request-timeout`, by the `limits`;
/// `malformed-request`, when it breaks off; `revoked-token`, `revoked-api-key` or `expired-api-key`, when it took longer
/// than 100 ms and the credential has ended meanwhile.
pub fn read_bytes(
    request: &HttpRequest,
    payload: &mut Payload,
    limits: BodyLimits,
) -> impl Future<Output = Result<Bytes, Problem>> + use<> {
    let admitted = check_content_type(request);
    let mut payload = payload.take();
    let request = request.clone();
    async move {
        admitted?;
        collect_in_time(&request, &mut payload, limits).await
    }
}

/// Checks the headers of a body: its type and its encoding.
fn check_content_type(request: &HttpRequest) -> Result<(), Problem> {
    let headers = request.headers();
    let is_patch = request.method() == Method::PATCH;
    let mut content_types = headers.get_all(header::CONTENT_TYPE);
    let is_right = content_types.next().is_some_and(|value| is_json(value.as_bytes(), is_patch));
    if !is_right || content_types.next().is_some() {
        return Err(unsupported(is_patch));
    }
    let mut encodings = parts(headers, &header::CONTENT_ENCODING, b',');
    if encodings.any(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(unsupported(is_patch).with_detail("Send the body as it is, not compressed."));
    }
    Ok(())
}

/// The problem of a body that is not sent as JSON.
fn unsupported(is_patch: bool) -> Problem {
    let problem = Problem::new(Kind::UnsupportedMediaType);
    if !is_patch {
        return problem;
    }
    let detail =
        "Send `Content-Type: application/merge-patch+json` (or application/json), in UTF-8 and not compressed.";
    problem.with_detail(detail).with_header(ACCEPT_PATCH, PATCH_TYPES)
}

/// Whether a content type is `application/json` or, of a PATCH, that of a patch; with a charset only if that is UTF-8,
/// with or without the hyphen.
fn is_json(content_type: &[u8], is_patch: bool) -> bool {
    let mut parts = split_unquoted(content_type, b';').map(|part| std::str::from_utf8(part).unwrap_or_default());
    let essence = parts.next().unwrap_or_default().trim();
    let is_right = essence.eq_ignore_ascii_case("application/json")
        || is_patch && essence.eq_ignore_ascii_case("application/merge-patch+json");
    is_right
        && parts.all(|parameter| match parameter.trim().split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                let charset = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
                ["utf-8", "utf8"].iter().any(|known| charset.eq_ignore_ascii_case(known))
            }
            _ => true,
        })
}

async fn collect_in_time(request: &HttpRequest, payload: &mut Payload, limits: BodyLimits) -> Result<Bytes, Problem> {
    let length = single(request.headers(), &header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > limits.bytes as u64) {
        return Err(Kind::ContentTooLarge.into());
    }
    let began = Instant::now();
    let body = tokio::time::timeout(limits.patience, collect(payload, limits.bytes)).await;
    let body = body.map_err(|_| Problem::new(Kind::RequestTimeout))??;
    if began.elapsed() > BODY_PROMPTNESS {
        reauthenticate(request).await?;
    }
    // RFC 8259 §8.1 lets readers ignore the mark.
    Ok(if body.starts_with(BYTE_ORDER_MARK) { body.slice(BYTE_ORDER_MARK.len()..) } else { body })
}

async fn collect(payload: &mut Payload, most: usize) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = poll_fn(|cx| Pin::new(&mut *payload).poll_next(cx)).await {
        let chunk = chunk.map_err(|error| Problem::new(Kind::MalformedRequest).caused_by(error.to_string()))?;
        if body.len() + chunk.len() > most {
            return Err(Kind::ContentTooLarge.into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Parses JSON as RFC 8259 §4 recommends: a duplicate key in an object is an error, at any depth.
///
/// # Errors
/// `malformed-json`; `content-too-large`, for a document of more than 500,000 values.
pub fn parse(body: &[u8]) -> Result<Value, Problem> {
    let left = Cell::new(MOST_VALUES);
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let parsed = Strict(&left).deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    parsed.map_err(|_| {
        let kind = if left.get() == 0 { Kind::ContentTooLarge } else { Kind::MalformedJson };
        Problem::new(kind)
    })
}

/// A builder of a [`Value`] that refuses duplicate keys, and more values than are left.
#[derive(Clone, Copy)]
struct Strict<'a>(&'a Cell<usize>);

impl Strict<'_> {
    /// Counts a member of a list or an object.
    fn count<E: Error>(self) -> Result<(), E> {
        let left = self.0.get().saturating_sub(1);
        self.0.set(left);
        if left == 0 { Err(E::custom("too many values")) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            self.count()?;
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.count()?;
            let value = entries.next_value_seed(self)?;
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom("a key stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

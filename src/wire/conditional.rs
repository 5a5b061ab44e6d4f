//! Conditional requests (RFC 9110 §13): by the entity tag of what a client has of a row, it is spared what it has
//! already, and overwrites nothing that it has not seen. A row's tag is its version; a public page's is made of its
//! bytes.

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, Responder,
    body::{BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{self, ETAG, EntityTag, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
};
use aws_lc_rs::digest;
use serde::Serialize;

use crate::problem::{Kind, Problem};

/// The entity tags of one header.
#[derive(Debug, PartialEq, Eq)]
enum Tags {
    /// `*`: whatever there is.
    Any,
    These(Vec<EntityTag>),
}

impl Tags {
    /// Reads all headers of this name.
    ///
    /// # Errors
    /// A header is neither `*` nor a list of entity tags.
    fn of(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Problem> {
        let malformed = || {
            let detail =
                format!("{name} takes what ETag said, with its quotes, such as \"3\"; several with commas; or *.");
            Problem::new(Kind::MalformedRequest).with_detail(detail)
        };
        let mut tags = None;
        for value in headers.get_all(name) {
            // A tag may have any byte from 0x80 (RFC 9110 §8.8.3). Ours have none, so that each may stand for itself.
            let text: String = value.as_bytes().iter().copied().map(char::from).collect();
            tags = Some(match (tags, text.trim_matches([' ', '\t'])) {
                (None, "*") => Self::Any,
                (None, list) => Self::These(read_list(list).ok_or_else(malformed)?),
                (Some(Self::These(mut tags)), list) if list != "*" => {
                    tags.extend(read_list(list).ok_or_else(malformed)?);
                    Self::These(tags)
                }
                _ => return Err(malformed()),
            });
        }
        Ok(tags)
    }

    /// Whether one of them is the tag of something that is there.
    fn match_with(&self, equal: impl Fn(&EntityTag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(equal),
        }
    }
}

/// Entity tags with commas between them. A tag may hold a comma itself, and between two commas there may be
/// nothing (RFC 9110 §5.6.1.2).
fn read_list(text: &str) -> Option<Vec<EntityTag>> {
    let is_between = |c: char| [',', ' ', '\t'].contains(&c);
    let mut tags = Vec::new();
    let mut rest = text.trim_matches(is_between);
    while !rest.is_empty() {
        let (_, quoted) = rest.split_once('"')?;
        let (opaque, after) = quoted.split_once('"')?;
        let tag: EntityTag = rest.strip_suffix(after)?.parse().ok()?;
        let next = after.trim_start_matches([' ', '\t']);
        if tag.tag() != opaque || !(next.is_empty() || next.starts_with(',')) {
            return None;
        }
        tags.push(tag);
        rest = next.trim_start_matches(is_between);
    }
    (!tags.is_empty()).then_some(tags)
}

/// Of a tag that is the row's but for what a proxy has made of it. Only a strong one that is the same to the letter may
/// decide about a write (RFC 9110 §13.1.1).
const WEAKENED: &str = "If-Match has the row's version as a proxy on the way has marked it when it compressed the \
    answer (W/\"3\", \"3-gzip\"), and as such it never matches. Send it as \"3\", or let the proxy heed `no-transform`.";

/// Whether a tag is the row's as a proxy marks what it has compressed: weak, or with a suffix.
fn is_marked(given: &EntityTag, tag: &EntityTag) -> bool {
    let mark = given.tag().strip_prefix(tag.tag());
    mark.is_some_and(|mark| mark.is_empty() || mark.starts_with(['-', ';', ':']))
}

/// The tag of a row's version.
pub(super) fn tag_of(version: i64) -> EntityTag {
    EntityTag::new_strong(version.to_string())
}

/// The conditions on which a write is to be done: `If-Match` and `If-None-Match` (RFC 9110 §13.1), by the row's
/// version. An extractor, which refuses a header that cannot be read (`malformed-request`); by default there is no
/// condition.
#[derive(Debug, Default)]
pub struct Preconditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

impl FromRequest for Preconditions {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request.headers()))
    }
}

impl Preconditions {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self {
            if_match: Tags::of(headers, &header::IF_MATCH)?,
            if_none_match: Tags::of(headers, &header::IF_NONE_MATCH)?,
        })
    }

    /// Checks that the row's version, or its absence (`None`), meets the conditions.
    ///
    /// # Errors
    /// `precondition-failed`, when it does not.
    pub fn check(&self, version: Option<i64>) -> Result<(), Problem> {
        let tag = version.map(tag_of);
        let matches = |tags: &Tags, equal: fn(&EntityTag, &EntityTag) -> bool| {
            tag.as_ref().is_some_and(|tag| tags.match_with(|given| equal(given, tag)))
        };
        if self.if_none_match.as_ref().is_some_and(|tags| matches(tags, EntityTag::weak_eq)) {
            return Err(unmet());
        }
        match &self.if_match {
            Some(tags) if !matches(tags, EntityTag::strong_eq) && matches(tags, is_marked) => {
                Err(unmet().with_detail(WEAKENED))
            }
            Some(tags) if !matches(tags, EntityTag::strong_eq) => Err(unmet()),
            _ => Ok(()),
        }
    }

    /// Checks the conditions on a row that is about to be written. Returns the version that the write must still find
    /// (`WHERE version = ?`), lest another write came between; `None`, if the client sent no conditions. `current`
    /// returns the row's version, and is called only if there are some.
    ///
    /// # Errors
    /// `precondition-failed`, when the version does not meet them; the errors of `current`.
    pub fn version(&self, current: impl FnOnce() -> Result<i64, Problem>) -> Result<Option<i64>, Problem> {
        if self.if_match.is_none() && self.if_none_match.is_none() {
            return Ok(None);
        }
        let version = current()?;
        self.check(Some(version))?;
        Ok(Some(version))
    }
}

/// The kind of problem of a write that found no row: `precondition-failed`, if it demanded a `version` (another write
/// came first), and otherwise `absent`, such as [`Kind::NotFound`].
#[must_use]
pub fn no_row(version: Option<i64>, absent: Kind) -> Kind {
    if version.is_some() { Kind::PreconditionFailed } else { absent }
}

fn unmet() -> Problem {
    Problem::new(Kind::PreconditionFailed)
}

/// A single row as a response: 200 with its version as `ETag`, or 304 for a client that has it (`If-None-Match`).
pub struct WithEtag<T> {
    /// The row's version, which becomes the `ETag`.
    pub version: i64,
    /// The row in the form in which it is sent, as JSON.
    pub body: T,
}

impl<T> WithEtag<T> {
    /// The response with `row` in the form in which it is sent, and its version.
    pub fn of(version: i64, row: impl Into<T>) -> Self {
        Self { version, body: row.into() }
    }
}

impl<T: Serialize> Responder for WithEtag<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let tag = tag_of(self.version);
        if is_known(request, &tag) {
            return HttpResponse::NotModified().insert_header((ETAG, tag)).finish();
        }
        HttpResponse::Ok().insert_header((ETAG, tag)).json(self.body)
    }
}

/// Whether a GET or HEAD says by `If-None-Match` that its client has the representation with this tag, so that 304 will
/// do. A header that cannot be read says nothing: to send the body again costs little.
#[must_use]
pub fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    let text = |given: &HeaderValue| {
        let text = given.as_bytes().strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        Some(text == tag.tag().as_bytes())
    };
    // What clients send that ask again and again.
    if request.method().is_safe() && request.headers().get(header::IF_NONE_MATCH).and_then(text) == Some(true) {
        return true;
    }
    let tags = Tags::of(request.headers(), &header::IF_NONE_MATCH).ok().flatten();
    request.method().is_safe() && tags.is_some_and(|tags| tags.match_with(|given| given.weak_eq(tag)))
}

/// Middleware for public responses: gives a success an `ETag` made of its bytes, and responds with 304 to a client that
/// has it (`If-None-Match`).
///
/// # Errors
/// The errors of the handler behind it.
pub async fn etag_from_body(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let answer = next.call(request).await?;
    if answer.status() != StatusCode::OK {
        return Ok(answer);
    }
    let (request, response) = answer.into_parts();
    let (response, body) = response.into_parts();
    // What is paged by a header is made of it, too; and what differs by a header says so, known or not.
    let [link, vary] = [header::LINK, header::VARY].map(|name| response.headers().get(name).cloned());
    let response = match body.try_into_bytes() {
        Ok(bytes) => {
            let tag = tag_of_bytes(&[link.as_ref().map_or(&[], HeaderValue::as_bytes), &bytes]);
            let mut response = if is_known(&request, &tag) {
                let mut response = HttpResponse::NotModified().finish();
                for (name, value) in [(header::LINK, link), (header::VARY, vary)] {
                    if let Some(value) = value {
                        response.headers_mut().insert(name, value);
                    }
                }
                response
            } else {
                response.set_body(bytes).map_into_boxed_body()
            };
            let value = HeaderValue::try_from(tag.to_string()).map_err(Problem::internal)?;
            response.headers_mut().insert(ETAG, value);
            response
        }
        Err(body) => response.set_body(body),
    };
    Ok(ServiceResponse::new(request, response))
}

/// The entity tag of a representation that is made of these parts: the first half of their SHA-256, in hexadecimal
/// digits. The bounds of the parts do not count: `ab` and `c` have the same tag as `a` and `bc`.
#[must_use]
pub fn tag_of_bytes(parts: &[&[u8]]) -> EntityTag {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let half = context.finish().as_ref().first_chunk().map_or(0, |half| u128::from_be_bytes(*half));
    EntityTag::new_strong(format!("{half:032x}"))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};

    use super::Preconditions;

    fn given(conditions: &[(HeaderName, &str)]) -> Result<Preconditions, u16> {
        let mut headers = HeaderMap::new();
        for (name, value) in conditions {
            headers.append(name.clone(), HeaderValue::from_str(value).expect("a header's value"));
        }
        Preconditions::of(&headers).map_err(|problem| problem.kind().status().as_u16())
    }

    #[test]
    fn if_match_wants_one_of_its_tags_to_be_the_rows_own_and_strong() {
        for (condition, is_met) in [
            ("\"3\"", true),
            ("\"2\",\"3\"", true),
            ("\"a,b\" , \"3\"", true),
            ("\"a,3\"", false),
            (", \"3\",", true),
            ("*", true),
            ("\"2\"", false),
            ("W/\"3\"", false),
        ] {
            let conditions = given(&[(IF_MATCH, condition)]).expect(condition);
            assert_eq!(conditions.check(Some(3)).is_ok(), is_met, "{condition}");
            assert!(conditions.check(None).is_err(), "{condition} and no row");
        }
    }

    #[test]
    fn if_none_match_wants_none_of_its_tags_to_be_the_rows_own() {
        for (condition, is_met) in [("\"3\"", false), ("W/\"3\"", false), ("*", false), ("\"2\"", true)] {
            let conditions = given(&[(IF_NONE_MATCH, condition)]).expect(condition);
            assert_eq!(conditions.check(Some(3)).is_ok(), is_met, "{condition}");
            assert!(conditions.check(None).is_ok(), "{condition} and no row");
        }
    }

    #[test]
    fn a_condition_that_cannot_be_read_is_refused_and_not_ignored() {
        for wrong in ["3", "", ",", "\"3", "\"3\" \"4\"", "\"3\"4", "*, \"3\"", "w/\"3\""] {
            assert_eq!(given(&[(IF_MATCH, wrong)]).err(), Some(400), "{wrong}");
        }
        assert!(given(&[(IF_MATCH, "\"3\""), (IF_MATCH, "\"4\"")]).is_ok());
        assert_eq!(given(&[(IF_MATCH, "\"3\""), (IF_MATCH, "*")]).err(), Some(400));
    }
}

//! The one error type: the problem, for the caller (RFC 9457), and its cause, for the log. The table of kinds is in
//! `kinds`, and the page about each in `handlers`; the body is completed by `middleware::response`, which knows the
//! request.

pub mod handlers;
mod kinds;

use std::{borrow::Cow, error::Error, fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use serde::Serialize;
use serde_json::{Map, Value};

pub use self::kinds::Kind;

/// The place of an error in the request: in its body or its query.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ErrorLocation {
    /// In the body, by a JSON pointer such as `/co_owner_ids/0` (RFC 6901); empty for the whole body.
    Pointer(String),
    /// In the query, by the name of a parameter.
    Parameter(String),
}

/// An error at one place in the request, as `validation-failed` lists them in `errors`.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct FieldError {
    /// The place: a field of the body or a parameter.
    #[serde(flatten)]
    pub place: ErrorLocation,
    /// The code for programs, such as `required` or `too_long`.
    pub code: &'static str,
    /// The detail for people, which says what to do.
    pub detail: Cow<'static, str>,
}

/// The reason why a value is not acceptable, without its place: what functions that read a value return.
/// [`Invalid::at`] and [`Invalid::of`] add the place.
#[derive(Debug)]
pub struct Invalid {
    code: &'static str,
    detail: Cow<'static, str>,
}

impl Invalid {
    /// A reason with a code for programs, such as `too_long`, and a detail for people, which says what to do.
    pub fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into() }
    }

    #[cfg(test)]
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The problem `validation-failed` with this error at a field of the body, for an error that is found after the
    /// body was read. `field` is the field's name, such as `email`, and no JSON pointer; no field inside of another can
    /// be named so.
    #[must_use]
    pub fn at(self, field: &str) -> Problem {
        Problem::validation(vec![self.of(field)])
    }

    /// The code and the detail.
    #[must_use]
    pub fn into_parts(self) -> (&'static str, Cow<'static, str>) {
        (self.code, self.detail)
    }

    /// The error of a field of the body, to be collected with others. `field` is the field's name, such as `email`,
    /// from which the JSON pointer `/email` is made.
    #[must_use]
    pub fn of(self, field: &str) -> FieldError {
        // RFC 6901 §3.
        let pointer = format!("/{}", field.replace('~', "~0").replace('/', "~1"));
        FieldError::body(&pointer, self.code, self.detail)
    }
}

/// The most errors that a response lists, so that it stays small.
pub const MOST_ERRORS: usize = 50;
/// The most characters of a place that a response names, for the same reason: a caller may have made up the name.
const LONGEST_PLACE: usize = 500;

/// The one error type of the service: what the caller is told (RFC 9457's problem details), and the cause for the log,
/// which the caller is not told. As a handler's error it becomes a response with the status of its [`Kind`].
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    /// Extension members (RFC 9457 §3.2).
    members: Map<String, Value>,
    header: Option<(HeaderName, HeaderValue)>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// The body of a problem's response (RFC 9457).
#[derive(Serialize)]
struct ProblemDocument<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

/// Makes a problem of a kind alone: `rows.ok_or(Kind::NotFound)?`.
impl From<Kind> for Problem {
    fn from(kind: Kind) -> Self {
        Self::new(kind)
    }
}

impl Problem {
    /// A problem of this kind, with its standard detail and headers. `?` makes one of a [`Kind`], too.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        let bearer = |value| Some((header::WWW_AUTHENTICATE, HeaderValue::from_static(value)));
        let header = match kind {
            Kind::MissingToken | Kind::InvalidCredentials | Kind::InvalidRefreshToken => bearer("Bearer"),
            // RFC 9470 §3.
            Kind::FreshLoginRequired => bearer(
                r#"Bearer error="insufficient_user_authentication", error_description="log in again", max_age=300"#,
            ),
            Kind::InvalidToken => bearer(r#"Bearer error="invalid_token", error_description="not a valid token""#),
            Kind::ExpiredToken => bearer(r#"Bearer error="invalid_token", error_description="the token expired""#),
            Kind::RevokedToken => bearer(r#"Bearer error="invalid_token", error_description="the session ended""#),
            Kind::InvalidApiKey => bearer(r#"Bearer error="invalid_token", error_description="not a valid API key""#),
            Kind::ExpiredApiKey => bearer(r#"Bearer error="invalid_token", error_description="the API key expired""#),
            Kind::RevokedApiKey => bearer(r#"Bearer error="invalid_token", error_description="the API key was ended""#),
            Kind::InsufficientScope => {
                bearer(r#"Bearer error="insufficient_scope", error_description="this needs a login""#)
            }
            Kind::Overloaded | Kind::Unavailable => Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            // A stream whose client has left is noticed by then.
            Kind::TooManyStreams => Some((header::RETRY_AFTER, HeaderValue::from_static("15"))),
            _ => None,
        };
        Self(Box::new(Inner {
            kind,
            detail: Cow::Borrowed(kind.detail()),
            errors: Vec::new(),
            members: Map::new(),
            header,
            cause: None,
        }))
    }

    /// The problem `internal-error`, a failure of the server. The cause goes to the log, never to the caller.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Kind::Internal).caused_by(cause)
    }

    /// The problem `too-many-requests` of a quota that is used up for `wait`, with `Retry-After`.
    #[must_use]
    pub fn too_many_requests(wait: Duration) -> Self {
        Self::new(Kind::TooManyRequests).retry_after(wait)
    }

    /// Sets the one header of [`Problem::with_header`] to `Retry-After`: the wait in whole seconds, rounded up, at
    /// least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// The problem `validation-failed` with all of these errors at once; of very many, the first 50.
    #[must_use]
    pub fn validation(mut errors: Vec<FieldError>) -> Self {
        let detail = match errors.len() {
            1 => Cow::Borrowed("1 field needs attention."),
            // Whoever reads a long body stops there.
            many if many > MOST_ERRORS => Cow::Owned(format!("More than {MOST_ERRORS} fields need attention.")),
            many => Cow::Owned(format!("{many} fields need attention.")),
        };
        let mut problem = Self::new(Kind::ValidationFailed).with_detail(detail);
        errors.truncate(MOST_ERRORS);
        errors.iter_mut().for_each(FieldError::shorten);
        problem.0.errors = errors;
        problem
    }

    /// The problem `validation-failed` with one error in the body, at `pointer`, a JSON pointer such as `/owner_id`
    /// (RFC 6901).
    #[must_use]
    pub fn field(pointer: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::validation(vec![FieldError::body(pointer, code, detail)])
    }

    /// The problem `validation-failed` with one error at the query parameter `name`.
    #[must_use]
    pub fn parameter(name: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::validation(vec![FieldError::query(name, code, detail)])
    }

    /// Adds an error at a place in the body to a problem of any kind, such as `username-taken`; `pointer` is a JSON
    /// pointer such as `/username` (RFC 6901).
    #[must_use]
    pub fn at(mut self, pointer: &str, code: &'static str, detail: &'static str) -> Self {
        self.0.errors.push(FieldError::body(pointer, code, detail));
        self
    }

    /// Replaces the standard detail of the kind by another text for people.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// Adds a member to the problem document (RFC 9457 §3.2), as the page about its kind tells.
    #[must_use]
    pub fn with_member(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        let _none = self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the one header that the response has beside the usual ones. Replaces one that was set before, or that the
    /// kind brings along, as `overloaded` brings `Retry-After`.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// Sets the cause of the problem, which goes to the log and never to the caller.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// The problem for another caller who waits for the same work: of the same kind, with the cause as text, but with
    /// the standard detail and headers of the kind and without errors at places.
    #[must_use]
    pub fn repeated(&self) -> Self {
        Self::new(self.kind()).caused_by(self.cause_in_words())
    }

    /// The cause as text for the log; without one the problem's own text.
    #[must_use]
    pub fn cause_in_words(&self) -> String {
        self.cause().map_or_else(|| self.to_string(), ToString::to_string)
    }

    /// The kind of the problem, which decides the status and the `type`.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The detail for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The errors at places in the request; empty for most kinds.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The cause, which is logged and which the caller is not told.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.0.cause.as_deref()
    }

    /// The JSON body of the response (RFC 9457) to a request for `path`, which becomes its `instance` except in a
    /// `not-found`; `None` for a request that cannot be read. `request_id` is that of the header `X-Request-Id`.
    #[must_use]
    pub fn body(&self, path: Option<&str>, request_id: &str) -> String {
        // Strings and numbers always serialize.
        serde_json::to_string(&self.document(path, request_id)).unwrap_or_default()
    }

    /// The body's document. A 404 carries no `instance`, so that "not there" and "not yours" differ in nothing but the
    /// request id.
    fn document<'a>(&'a self, path: Option<&'a str>, request_id: &'a str) -> ProblemDocument<'a> {
        let Inner { kind, detail, errors, members, .. } = &*self.0;
        ProblemDocument {
            r#type: kind.uri(),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail,
            instance: path.filter(|_| *kind != Kind::NotFound),
            request_id,
            errors,
            members,
        }
    }
}

impl FieldError {
    /// An error in the body, at `pointer`, a JSON pointer such as `/name`.
    pub fn body(pointer: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { place: ErrorLocation::Pointer(pointer.to_owned()), code, detail: detail.into() }
    }

    /// Cuts a place that is too long to be told.
    fn shorten(&mut self) {
        let (ErrorLocation::Pointer(place) | ErrorLocation::Parameter(place)) = &mut self.place;
        if let Some((end, _)) = place.char_indices().nth(LONGEST_PLACE) {
            place.truncate(end);
            place.push('…');
        }
    }

    /// The error of a value in the body as one of the whole that it stands in, at `pointer`, a JSON pointer such as
    /// `/dogs/3`.
    #[must_use]
    pub fn below(self, pointer: &str) -> Self {
        match self.place {
            ErrorLocation::Pointer(place) => {
                Self { place: ErrorLocation::Pointer(format!("{pointer}{place}")), ..self }
            }
            ErrorLocation::Parameter(_) => self,
        }
    }

    /// Whether the error is about `place`, a JSON pointer into the body, or about a whole that contains it.
    #[must_use]
    pub fn is_within(&self, place: &str) -> bool {
        let ErrorLocation::Pointer(pointer) = &self.place else { return false };
        place.strip_prefix(pointer.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// An error at the query parameter `name`.
    pub fn query(name: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { place: ErrorLocation::Parameter(name.to_owned()), code, detail: detail.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind.slug(), self.0.detail)
    }
}

impl Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.kind.status()
    }

    /// A response with status and headers; `middleware::response` adds the body.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        if let Some((name, value)) = self.0.header.clone() {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

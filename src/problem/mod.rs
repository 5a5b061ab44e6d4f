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

pub use self::kinds::Kind;

/// The place of an error in the request.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ErrorLocation {
    /// A JSON pointer (RFC 6901) into the body; empty for the whole body.
    Pointer(String),
    /// The name of a query parameter.
    Parameter(String),
}

/// An error in the request.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct FieldError {
    /// The place of the error.
    #[serde(flatten)]
    pub place: ErrorLocation,
    /// The code, for programs.
    pub code: &'static str,
    /// The detail, for people: what to do.
    pub detail: Cow<'static, str>,
}

/// The reason why a value is not acceptable.
#[derive(Debug)]
pub struct Invalid {
    code: &'static str,
    detail: Cow<'static, str>,
}

impl Invalid {
    /// A reason with a code for programs and a detail for people, which says what to do.
    pub fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into() }
    }

    #[cfg(test)]
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The problem of one field whose error was found after the body was read.
    #[must_use]
    pub fn at(self, field: &str) -> Problem {
        Problem::validation(vec![self.of(field)])
    }

    /// The code and the detail, for an error that is not in a body.
    #[must_use]
    pub fn into_parts(self) -> (&'static str, Cow<'static, str>) {
        (self.code, self.detail)
    }

    /// The error of a field of a body.
    #[must_use]
    pub fn of(self, field: &str) -> FieldError {
        // RFC 6901 §3.
        let pointer = format!("/{}", field.replace('~', "~0").replace('/', "~1"));
        FieldError::body(&pointer, self.code, self.detail)
    }
}

/// The most errors that a response lists, so that it stays small.
const MOST_ERRORS: usize = 50;

/// A problem, on its way to the caller.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
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
}

/// Makes a problem of a kind alone: `rows.ok_or(Kind::NotFound)?`.
impl From<Kind> for Problem {
    fn from(kind: Kind) -> Self {
        Self::new(kind)
    }
}

impl Problem {
    /// A problem with the standard detail and headers of its kind.
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
            _ => None,
        };
        Self(Box::new(Inner { kind, detail: Cow::Borrowed(kind.detail()), errors: Vec::new(), header, cause: None }))
    }

    /// A failure of the server. The cause goes to the log, never to the caller.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Kind::Internal).caused_by(cause)
    }

    /// The problem of a quota that is used up for `wait`.
    #[must_use]
    pub fn too_many_requests(wait: Duration) -> Self {
        Self::new(Kind::TooManyRequests).retry_after(wait)
    }

    /// Adds the time to wait: whole seconds, rounded up, at least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// The problem of all fields that are not valid, at once; of very many, the first 50.
    #[must_use]
    pub fn validation(mut errors: Vec<FieldError>) -> Self {
        let detail = match errors.len() {
            1 => Cow::Borrowed("1 field needs attention."),
            many => Cow::Owned(format!("{many} fields need attention.")),
        };
        let mut problem = Self::new(Kind::ValidationFailed).with_detail(detail);
        errors.truncate(MOST_ERRORS);
        problem.0.errors = errors;
        problem
    }

    /// The problem of one field of the body that is not valid.
    #[must_use]
    pub fn field(pointer: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::validation(vec![FieldError::body(pointer, code, detail)])
    }

    /// The problem of one query parameter that is not valid.
    #[must_use]
    pub fn parameter(name: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::validation(vec![FieldError::query(name, code, detail)])
    }

    /// Adds the field of the body that the problem is about.
    #[must_use]
    pub fn at(mut self, pointer: &str, code: &'static str, detail: &'static str) -> Self {
        self.0.errors.push(FieldError::body(pointer, code, detail));
        self
    }

    /// Replaces the standard detail of the kind, for people.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// Sets the one extra header of the response. Replaces one that was set before, or that the kind brings along, as
    /// `overloaded` brings `Retry-After`.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// Sets the cause, which goes to the log and never to the caller.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// A copy of the problem for another caller, its cause in words.
    #[must_use]
    pub fn repeated(&self) -> Self {
        Self::new(self.kind()).caused_by(self.cause_in_words())
    }

    /// The cause, or else the problem itself, in words for the log.
    #[must_use]
    pub fn cause_in_words(&self) -> String {
        self.cause().map_or_else(|| self.to_string(), ToString::to_string)
    }

    /// The kind, which decides the status and the `type`.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The errors in the request.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The cause, which the caller is not told.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.0.cause.as_deref()
    }

    /// The body of the response to a request; one that cannot be read has no path.
    #[must_use]
    pub fn body(&self, path: Option<&str>, request_id: &str) -> String {
        // Strings and numbers always serialize.
        serde_json::to_string(&self.document(path, request_id)).unwrap_or_default()
    }

    /// The body's document. A 404 carries no `instance`, so that "not there" and "not yours" differ in nothing but the
    /// request id.
    fn document<'a>(&'a self, path: Option<&'a str>, request_id: &'a str) -> ProblemDocument<'a> {
        let Inner { kind, detail, errors, .. } = &*self.0;
        ProblemDocument {
            r#type: kind.uri(),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail,
            instance: path.filter(|_| *kind != Kind::NotFound),
            request_id,
            errors,
        }
    }
}

impl FieldError {
    /// An error in the body, at `pointer`, a JSON pointer.
    pub fn body(pointer: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { place: ErrorLocation::Pointer(pointer.to_owned()), code, detail: detail.into() }
    }

    /// Whether the error is about `place` in the body, or about a whole that contains it.
    #[must_use]
    pub fn is_within(&self, place: &str) -> bool {
        let ErrorLocation::Pointer(pointer) = &self.place else { return false };
        place.strip_prefix(pointer.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// An error in a query parameter.
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

//! The one error type: what went wrong, as the caller is told it (RFC 9457), and what caused it, as the log
//! is told it. The table of kinds is here; the body is completed by `answers`, which knows the request.

use std::{borrow::Cow, error::Error, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use serde::Serialize;

/// Declares the kinds with their status, `type` (below `/problems/`), title and standard detail.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $status:ident $slug:literal $title:literal $detail:literal;)*) => {
        /// What can go wrong, one for each problem `type`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// Every kind, in the order of their status.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            const fn row(self) -> (StatusCode, &'static str, &'static str, &'static str) {
                match self { $(Self::$kind => (StatusCode::$status, $slug, $title, $detail),)* }
            }
        }
    };
}

kinds! {
    MalformedRequest BAD_REQUEST "malformed-request" "The request cannot be read"
        "Something in the request's line or headers cannot be understood.";
    MalformedJson BAD_REQUEST "malformed-json" "The body is not JSON"
        "Send one JSON object in UTF-8, each key once, and nothing after it.";
    MissingToken UNAUTHORIZED "missing-token" "An access token is needed"
        "Log in at /auth/login and send the access token as `Authorization: Bearer <token>`.";
    InvalidToken UNAUTHORIZED "invalid-token" "The access token is not valid"
        "This is not an access token of this server. Log in at /auth/login for a new one.";
    ExpiredToken UNAUTHORIZED "expired-token" "The access token has expired"
        "Log in at /auth/login for a new one.";
    /// The session ended (logout), or its user is gone.
    RevokedToken UNAUTHORIZED "revoked-token" "The session has ended"
        "This access token's session has ended. Log in at /auth/login for a new one.";
    InvalidCredentials UNAUTHORIZED "invalid-credentials" "Wrong username or password"
        "No account has this username or e-mail with this password.";
    /// Not there, or not yours: the caller cannot tell which.
    NotFound NOT_FOUND "not-found" "Not found"
        "There is nothing here that you can see.";
    MethodNotAllowed METHOD_NOT_ALLOWED "method-not-allowed" "This method does not exist here"
        "The header Allow lists the methods that do.";
    NotAcceptable NOT_ACCEPTABLE "not-acceptable" "No answer in a format that you accept"
        "Send `Accept: */*`, or no Accept at all.";
    RequestTimeout REQUEST_TIMEOUT "request-timeout" "The body took too long"
        "Send the whole body within 10 seconds.";
    UsernameTaken CONFLICT "username-taken" "The username is taken"
        "Another account has this username (letter case does not count). Choose another one.";
    EmailTaken CONFLICT "email-taken" "The e-mail address is taken"
        "Another account has this e-mail address (letter case does not count). Log in with it, or use another one.";
    OwnerHasDogs CONFLICT "owner-has-dogs" "The owner still has dogs"
        "Delete the dogs, or give them another owner, first.";
    ContentTooLarge PAYLOAD_TOO_LARGE "content-too-large" "The body is too large"
        "A body may have 65,536 bytes.";
    UriTooLong URI_TOO_LONG "uri-too-long" "The address is too long"
        "Path and query together may have 8,192 bytes.";
    UnsupportedMediaType UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "The body is not sent as JSON"
        "Send `Content-Type: application/json`, in UTF-8 and not compressed.";
    ValidationFailed UNPROCESSABLE_ENTITY "validation-failed" "Some fields are not valid"
        "Some fields need attention.";
    HeaderFieldsTooLarge REQUEST_HEADER_FIELDS_TOO_LARGE "header-fields-too-large" "The headers are too large"
        "All headers together may have 16,384 bytes.";
    Internal INTERNAL_SERVER_ERROR "internal-error" "Something went wrong here"
        "This is our fault, and it was logged under the request_id. Try again later.";
    /// More work than can be done in time: our capacity, not the caller's quota.
    Overloaded SERVICE_UNAVAILABLE "overloaded" "The server is busy"
        "Too much is waiting to be done. Try again in a second.";
    /// The database does not answer, or the server is shutting down.
    Unavailable SERVICE_UNAVAILABLE "unavailable" "The service is not available"
        "The database does not answer, or the server is shutting down. Try again in a second.";
}

impl Kind {
    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.row().0
    }

    /// The last segment of the problem's `type`.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        self.row().1
    }

    /// What it is called, for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().2
    }
}

/// Where in the request a fault is.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// A JSON pointer (RFC 6901) into the body; empty for the whole body.
    Pointer(String),
    /// The name of a query parameter.
    Parameter(String),
}

/// One thing to mend in the request.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct FieldError {
    #[serde(flatten)]
    pub place: Place,
    pub code: &'static str,
    pub detail: Cow<'static, str>,
}

/// How many errors an answer lists, so that it stays small.
const MOST_ERRORS: usize = 50;

/// A failure, on its way to the caller.
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

/// The body of an answer (RFC 9457).
#[derive(Serialize)]
struct Body<'a> {
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

impl Problem {
    /// A problem with the standard detail and headers of its kind.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        let bearer = |value| Some((header::WWW_AUTHENTICATE, HeaderValue::from_static(value)));
        let header = match kind {
            Kind::MissingToken | Kind::InvalidCredentials => bearer("Bearer"),
            Kind::InvalidToken => bearer(r#"Bearer error="invalid_token", error_description="not a valid token""#),
            Kind::ExpiredToken => bearer(r#"Bearer error="invalid_token", error_description="the token expired""#),
            Kind::RevokedToken => bearer(r#"Bearer error="invalid_token", error_description="the session ended""#),
            Kind::Overloaded | Kind::Unavailable => Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => None,
        };
        Self(Box::new(Inner { kind, detail: Cow::Borrowed(kind.row().3), errors: Vec::new(), header, cause: None }))
    }

    /// A failure of ours. The cause goes to the log, never to the caller.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Kind::Internal).caused_by(cause)
    }

    /// All fields that are not valid, at once; of very many, the first.
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

    /// One field of the body that is not valid.
    #[must_use]
    pub fn field(pointer: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::validation(vec![FieldError::body(pointer, code, detail)])
    }

    /// One query parameter that is not valid.
    #[must_use]
    pub fn parameter(name: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::validation(vec![FieldError::query(name, code, detail)])
    }

    /// The same problem about a field of the body.
    #[must_use]
    pub fn at(mut self, pointer: &str, code: &'static str, detail: &'static str) -> Self {
        self.0.errors.push(FieldError::body(pointer, code, detail));
        self
    }

    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = detail.into();
        self
    }

    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// The same failure for somebody else, its cause in words.
    #[must_use]
    pub fn repeated(&self) -> Self {
        Self::new(self.kind()).caused_by(self.cause_in_words())
    }

    /// What the log is told of it.
    #[must_use]
    pub fn cause_in_words(&self) -> String {
        self.cause().map_or_else(|| self.to_string(), ToString::to_string)
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What brought it about.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.0.cause.as_deref()
    }

    /// The body for one request. A 404 carries no `instance`, so that "not there" and "not yours" differ
    /// in nothing but the request id.
    #[must_use]
    pub fn body(&self, path: &str, request_id: &str) -> String {
        let Inner { kind, detail, errors, .. } = &*self.0;
        let body = Body {
            r#type: format!("/problems/{}", kind.slug()),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail,
            instance: (*kind != Kind::NotFound).then_some(path),
            request_id,
            errors,
        };
        // Strings and numbers always serialize.
        serde_json::to_string(&body).unwrap_or_default()
    }
}

impl FieldError {
    /// About the body; `pointer` is a JSON pointer.
    pub fn body(pointer: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { place: Place::Pointer(pointer.to_owned()), code, detail: detail.into() }
    }

    /// About a query parameter.
    pub fn query(name: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { place: Place::Parameter(name.to_owned()), code, detail: detail.into() }
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

    /// Status and headers; `answers` adds the body.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        if let Some((name, value)) = self.0.header.clone() {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

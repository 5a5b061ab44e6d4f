//! The table of what can go wrong.

use actix_web::http::StatusCode;

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
    /// Not one that was given out, or its session ended.
    InvalidRefreshToken UNAUTHORIZED "invalid-refresh-token" "The refresh token is not valid"
        "It was used before, its session has ended, or it is none of this server's. Log in at /auth/login for a new one.";
    /// The login is too long ago for what was asked.
    FreshLoginRequired UNAUTHORIZED "fresh-login-required" "A fresh login is needed"
        "This needs a login of the last 5 minutes. Log in again at /auth/login, and use that access token.";
    InvalidCredentials UNAUTHORIZED "invalid-credentials" "Wrong username or password"
        "No account has this username or e-mail with this password.";
    SignupClosed FORBIDDEN "signup-closed" "Nobody can sign up here"
        "Accounts are made by the people who run this server. Ask them for one.";
    /// What the browser says of page and server (`Sec-Fetch-Site`), which keeps the cookie then.
    CrossSite FORBIDDEN "cross-site" "The page and this server are two sites"
        "A browser sends the cookie from pages of the same site only, and localhost and 127.0.0.1 are two: open the page and call this server under one host name (ports may differ), or log in without `cookie`.";
    /// The cookie is there, but the page that sends it is not ours.
    ForeignOrigin FORBIDDEN "foreign-origin" "This origin may not use the cookie"
        "The cookie works for pages of this server, and of the origins that its CORS_ORIGINS names, only.";
    /// Not there, or not yours: the caller cannot tell which.
    NotFound NOT_FOUND "not-found" "Not found"
        "There is nothing here that you can see.";
    MethodNotAllowed METHOD_NOT_ALLOWED "method-not-allowed" "This method does not exist here"
        "The header Allow lists the methods that do.";
    NotAcceptable NOT_ACCEPTABLE "not-acceptable" "No answer in a format that you accept"
        "Send `Accept: */*`, or no Accept at all.";
    RequestTimeout REQUEST_TIMEOUT "request-timeout" "The request took too long"
        "Send the whole body within 10 seconds.";
    UsernameTaken CONFLICT "username-taken" "The username is taken"
        "Another account has this username (letter case does not count). Choose another one.";
    EmailTaken CONFLICT "email-taken" "The e-mail address is taken"
        "Another account has this e-mail address (letter case does not count). Log in with it, or use another one.";
    OwnerHasDogs CONFLICT "owner-has-dogs" "The owner still has dogs"
        "Delete the dogs, or give them another owner, first.";
    AlreadyPrimaryOwner CONFLICT "already-primary-owner" "The owner is the dog's primary owner already"
        "A co-owner is somebody beside the primary owner. Give the dog another owner_id first.";
    TooManyCoOwners CONFLICT "too-many-co-owners" "The dog has too many co-owners"
        "A dog has 20 co-owners at most. Remove one first.";
    TooManyOwners CONFLICT "too-many-owners" "The book has too many owners"
        "Your book has as many owners as it may have. Delete one first.";
    TooManyDogs CONFLICT "too-many-dogs" "The book has too many dogs"
        "Your book has as many dogs as it may have. Delete one first.";
    TooManyTasks CONFLICT "too-many-tasks" "The book has too many tasks"
        "Your book has as many tasks as it may have. Delete one first.";
    TooManyIdempotencyKeys CONFLICT "too-many-idempotency-keys" "The account has too many idempotency keys"
        "As many keys are kept as may be, each for 24 hours. Send the request without Idempotency-Key, or try later.";
    /// `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed PRECONDITION_FAILED "precondition-failed" "The row has changed, or exists already"
        "If-Match or If-None-Match does not hold. Read the row again, and decide by its new ETag.";
    ContentTooLarge PAYLOAD_TOO_LARGE "content-too-large" "The body is too large"
        "A body may have 65,536 bytes.";
    UriTooLong URI_TOO_LONG "uri-too-long" "The address is too long"
        "Path and query together may have 8,192 bytes.";
    UnsupportedMediaType UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "The body is not sent as JSON"
        "Send `Content-Type: application/json`, in UTF-8 and not compressed.";
    ValidationFailed UNPROCESSABLE_ENTITY "validation-failed" "Some fields are not valid"
        "Some fields need attention.";
    IdempotencyKeyReused UNPROCESSABLE_ENTITY "idempotency-key-reused" "The idempotency key was used for another request"
        "This Idempotency-Key came before with another path or body. Use a new key for each new request.";
    /// Of a password or an address: not ours, too old, or used.
    InvalidOrUsedToken UNPROCESSABLE_ENTITY "invalid-or-used-token" "The token is not valid, or was used"
        "The token is too old, was used already, or is none of this server's. Ask for a new mail.";
    /// The caller's quota is used up.
    TooManyRequests TOO_MANY_REQUESTS "too-many-requests" "Too many requests"
        "Your quota is used up for the moment. Retry-After says in how many seconds to try again.";
    /// After wrong passwords an account waits.
    TooManyAttempts TOO_MANY_REQUESTS "too-many-attempts" "Too many failed attempts"
        "After a wrong password the next try has to wait. Retry-After says how many seconds.";
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

    /// What to do about it, where nothing more can be said.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        self.row().3
    }
}

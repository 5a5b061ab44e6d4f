//! The table of all kinds of problems: status, `type`, title, and words for people.

use actix_web::http::StatusCode;

/// Declares the kinds with their status, `type` (below `/problems/`), title and standard detail, and the text of the
/// page at that address: the kind's meaning, which is its documentation, too, and its remedy.
macro_rules! kinds {
    ($($kind:ident $status:ident $slug:literal $title:literal $detail:literal $meaning:literal $remedy:literal;)*) => {
        /// A kind of problem, one for each problem `type` (RFC 9457 §3.1.1), which decides the status of the response.
        /// [`Kind::slug`] is its short name, such as `not-found`, by which the documentation names it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $(#[doc = concat!("`", $slug, "` (", stringify!($status), "): ", $meaning)] $kind,)* }

        impl Kind {
            /// Every kind of problem, in the order of their status.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            const fn row(self) -> Row {
                match self { $(Self::$kind => Row {
                    status: StatusCode::$status,
                    slug: $slug,
                    title: $title,
                    detail: $detail,
                    meaning: $meaning,
                    remedy: $remedy,
                },)* }
            }
        }
    };
}

struct Row {
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    detail: &'static str,
    meaning: &'static str,
    remedy: &'static str,
}

kinds! {
    MalformedRequest BAD_REQUEST "malformed-request" "The request cannot be read"
        "Something in the request's line or headers cannot be understood."
        "The request's line or one of its headers is not as HTTP, or this service, has it."
        "Mend what `detail` names, and send it again; as it is it will never be understood.";
    MalformedJson BAD_REQUEST "malformed-json" "The body is not JSON"
        "Send one JSON object in UTF-8, each key once, and nothing after it."
        "The body is no JSON text: it was cut off, has a key twice, is not in UTF-8, or is empty."
        "Make the body with a JSON library, and send one object.";
    MissingToken UNAUTHORIZED "missing-token" "An access token is needed"
        "Log in at /auth/login and send the access token, or an API key, as `Authorization: Bearer <token>`."
        "The address is for somebody who is logged in, and no bearer token came."
        "Log in with `POST /auth/login`, and send `Authorization: Bearer <access_token>` with every request below /me \
         and /dogowner. A program sends an API key in its place, `Authorization: Bearer kennel_…`, and in no other way.";
    InvalidToken UNAUTHORIZED "invalid-token" "The access token is not valid"
        "This is no access token of this server, and no API key. Log in at /auth/login for a new one."
        "A token came, and this server did not make it, or it is no access token."
        "Take the `access_token` of a login or a refresh at this server, as it came; or log in again. An API key is sent \
         after `Bearer` and one blank, without quotation marks.";
    ExpiredToken UNAUTHORIZED "expired-token" "The access token has expired"
        "Log in at /auth/login for a new one."
        "The access token was good, and its time is over."
        "Get the next one with `POST /auth/refresh`, or log in again.";
    RevokedToken UNAUTHORIZED "revoked-token" "The session has ended"
        "This access token's session has ended. Log in at /auth/login for a new one."
        "The session that the token belongs to has ended: by a logout, a new password, from another device, or \
         because the account is gone or disabled."
        "Log in again with `POST /auth/login`.";
    InvalidApiKey UNAUTHORIZED "invalid-api-key" "The API key is not valid"
        "This is no API key of this service; is it whole? Log in, and make another one with POST /me/keys."
        "A token came that begins as an API key does, and is none: it was cut off, or mistyped."
        "Copy the whole key, from `kennel_` to its end. If it is lost, make another one with `POST /me/keys`.";
    ExpiredApiKey UNAUTHORIZED "expired-api-key" "The API key has expired"
        "Log in, and make another one with POST /me/keys."
        "The API key was good, and its time is over."
        "Log in, and make another one with `POST /me/keys`; `expires_in_days` says for how long.";
    RevokedApiKey UNAUTHORIZED "revoked-api-key" "The API key was ended"
        "There is no such key any more. Log in, and make another one with POST /me/keys."
        "The API key was deleted, or ended by a new password or by whoever runs the server, or the account is gone or \
         disabled; or it is another server's."
        "Log in, and make another one with `POST /me/keys`.";
    InvalidRefreshToken UNAUTHORIZED "invalid-refresh-token" "The refresh token is not valid"
        "It was used before, its session has ended, or it is none of this server's. Log in at /auth/login for a new one."
        "The refresh token was used too long ago, its session has ended, or it was never given out here."
        "Log in again. Keep the newest refresh token only: each is used once.";
    FreshLoginRequired UNAUTHORIZED "fresh-login-required" "A fresh login is needed"
        "This needs a login of the last 5 minutes. Log in again at /auth/login, and use that access token."
        "What was asked needs a login of the last few minutes, so that a stolen session cannot do it."
        "Log in again with the password, and send the request with that access token. A refresh is no login.";
    InvalidCredentials UNAUTHORIZED "invalid-credentials" "Wrong username or password"
        "No account has this username or e-mail with this password."
        "No account has this name with this password; which of the two is wrong is not told."
        "Ask for both again, or set another password with `POST /auth/password/forgot`.";
    SignupClosed FORBIDDEN "signup-closed" "Nobody can sign up here"
        "Accounts are made by the people who run this server. Ask them for one."
        "Whoever runs this server makes its accounts by hand."
        "Ask them for an account.";
    CrossSite FORBIDDEN "cross-site" "The page and this server are two sites"
        "A browser sends the cookie from pages of the same site only, and localhost and 127.0.0.1 are two: open the page and call this server under one host name (ports may differ), or log in without `cookie`."
        "The browser says that the page is of another site than this server (`Sec-Fetch-Site`). Such a page is not given \
         the cookie with the refresh token at a login, and none is taken from it. Names that mean one machine, such as localhost and 127.0.0.1, are two sites."
        "Call this server under the host name that the page has; or log in without `cookie`, and send the refresh token in \
         the body.";
    ForeignOrigin FORBIDDEN "foreign-origin" "This origin may not use the cookie"
        "The cookie works for pages of this server, and of the origins that its CORS_ORIGINS names, only."
        "A page of another origin sent the cookie with the refresh token, and that origin is not one of those that may."
        "Send it from a page of this server, or have the origin added to CORS_ORIGINS; or send the refresh token in \
         the body.";
    InsufficientScope FORBIDDEN "insufficient-scope" "The API key does not open this"
        "No API key opens this. Log in at /auth/login, and send the access token."
        "The request came with an API key, and asked for something that this key does not open: it only reads, or no \
         key opens it, as with passwords, sessions and keys."
        "If `WWW-Authenticate` has `scope=\"write\"`, make a key with that scope. Otherwise log in, and send the access \
         token.";
    NotFound NOT_FOUND "not-found" "Not found"
        "There is nothing here that you can see."
        "There is nothing at this address, or nothing that you may see: the two are not told apart."
        "Look at the address and its id, and whether you are logged in as the one whose row it is.";
    MethodNotAllowed METHOD_NOT_ALLOWED "method-not-allowed" "This method does not exist here"
        "The header Allow lists the methods that do."
        "The address is right, and has other methods than this one."
        "Use one of the methods that the header `Allow` lists.";
    NotAcceptable NOT_ACCEPTABLE "not-acceptable" "No answer in a format that you accept"
        "Send `Accept: */*`, or no Accept at all."
        "The answer would have a body of a media type that `Accept` does not admit. Nothing was done."
        "Admit `application/json` in `Accept` (for the contract, its own type), send `*/*`, or leave it out.";
    RequestTimeout REQUEST_TIMEOUT "request-timeout" "The request took too long"
        "Send the whole body within 10 seconds."
        "The line and headers of the request, or its body, did not arrive in time."
        "Send it again, in one go; over a slow line, in smaller pieces of work.";
    UsernameTaken CONFLICT "username-taken" "The username is taken"
        "Another account has this username (letter case does not count). Choose another one."
        "Another account has this username, in some letter case."
        "Choose another username.";
    EmailTaken CONFLICT "email-taken" "The e-mail address is taken"
        "Another account has this e-mail address (letter case does not count). Log in with it, or use another one."
        "Another account has this e-mail address, in some letter case."
        "Log in with that account, or use another address.";
    OwnerHasDogs CONFLICT "owner-has-dogs" "The owner still has dogs"
        "Delete the dogs, or give them another owner, first."
        "An owner is deleted only without dogs, and this one has some."
        "Give the dogs another owner, delete them, or delete all together with `?force=true`.";
    AlreadyPrimaryOwner CONFLICT "already-primary-owner" "The owner is the dog's primary owner already"
        "A co-owner is somebody beside the primary owner. Give the dog another owner_id first."
        "A co-owner is somebody beside the primary owner, and this is the primary owner."
        "Give the dog another `owner_id` first, or leave it as it is.";
    TooManyCoOwners CONFLICT "too-many-co-owners" "The dog has too many co-owners"
        "A dog has 20 co-owners at most. Remove one first."
        "The dog has as many co-owners as a dog may have."
        "Remove a co-owner first.";
    TooManyOwners CONFLICT "too-many-owners" "The book has too many owners"
        "Your book has as many owners as it may have. Delete one first."
        "The book has as many owners as whoever runs the server lets it have."
        "Delete owners that are not needed, or ask for more room.";
    TooManyDogs CONFLICT "too-many-dogs" "The book has too many dogs"
        "Your book has as many dogs as it may have. Delete one first."
        "The book has as many dogs as whoever runs the server lets it have."
        "Delete dogs that are not needed, or ask for more room.";
    TooManyTasks CONFLICT "too-many-tasks" "The book has too many tasks"
        "Your book has as many tasks as it may have. Delete one first."
        "The book has as many tasks as whoever runs the server lets it have."
        "Delete tasks that are done, or ask for more room.";
    TooManyIdempotencyKeys CONFLICT "too-many-idempotency-keys" "The account has too many idempotency keys"
        "As many keys are kept as may be, each for 24 hours. Send the request without Idempotency-Key, or try later."
        "Every key is kept for a day with its answer, and the account has as many as it may have."
        "Send the request without `Idempotency-Key`, or with one later.";
    TooManyApiKeys CONFLICT "too-many-api-keys" "The account has too many API keys"
        "An account has 20 API keys at most. Delete one first."
        "The account has as many API keys as it may have, with those that have expired."
        "Delete a key that is not needed with `DELETE /me/keys/{key_id}`.";
    ChangedSince CONFLICT "changed-since" "The rows were changed since then"
        "Rows are not as that change left them. Take the later changes back first."
        "A change is taken back only while the rows are as it left them; `rows` lists those that are not. Nothing was \
         done."
        "Look at the history of those rows (`GET /dogowner/changes?resource=dog&id=2`), and take the later changes back \
         first; or change the rows by hand.";
    CannotUndo CONFLICT "cannot-undo" "The change cannot be taken back"
        "What was changed cannot stand any more: what it belonged to is gone, or the book is full."
        "A row would come back whose owner or dog is gone, or a row would go that others belong to by now, or the book \
         would have more rows than it may have. Nothing was done."
        "Do what `detail` says first, and send it again.";
    ChangesExpired GONE "changes-expired" "These changes are forgotten"
        "Read the lists again, and follow the changes from then on."
        "Changes are kept for some time, and the newest 10,000 of a book: those up to the number `floor` are forgotten; \
         `last` is the number of the newest."
        "Read `GET /dogowner/book` and then the lists, and follow the changes after its `last`.";
    PreconditionFailed PRECONDITION_FAILED "precondition-failed" "The row has changed, or exists already"
        "If-Match or If-None-Match does not hold. Read the row again, and decide by its new ETag."
        "`If-Match` or `If-None-Match` named another version than there is: somebody has changed the row since. \
         Nothing was done."
        "Read the row again, decide again, and send the new `ETag`.";
    ContentTooLarge PAYLOAD_TOO_LARGE "content-too-large" "The body is too large"
        "A body may have 65,536 bytes."
        "The body has more bytes than are read."
        "Send less at once.";
    UriTooLong URI_TOO_LONG "uri-too-long" "The address is too long"
        "Path and query together may have 8,192 bytes."
        "Path and query together have more bytes than are read."
        "Shorten the query; follow the links of lists as they are.";
    UnsupportedMediaType UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "The body is not sent as JSON"
        "Send `Content-Type: application/json`, in UTF-8 and not compressed."
        "The body does not say that it is JSON in UTF-8 as it is; forms, other charsets and compressed bodies are not \
         read."
        "Send `Content-Type: application/json`; PATCH takes what `Accept-Patch` lists. Many programs say something \
         else unless they are told.";
    ValidationFailed UNPROCESSABLE_ENTITY "validation-failed" "Some fields are not valid"
        "Some fields need attention."
        "The request was understood, and some of its fields or parameters are not acceptable. Nothing was done."
        "Mend every place that `errors` names: `pointer` leads to a field of the body, `parameter` to one of the \
         query, and `code` says what is wrong.";
    IdempotencyKeyReused UNPROCESSABLE_ENTITY "idempotency-key-reused" "The idempotency key was used for another request"
        "This Idempotency-Key came before with another path or body. Use a new key for each new request."
        "Another path or body was sent under this `Idempotency-Key` within a day."
        "Make a new key for each new request, and keep it for its retries only.";
    InvalidOrUsedToken UNPROCESSABLE_ENTITY "invalid-or-used-token" "The token is not valid, or was used"
        "The token is too old, was used already, or is none of this server's. Ask for a new mail."
        "The token of a mail was used, is too old, or is none of this server's."
        "Ask for a new mail, and copy the whole line.";
    TooManyStreams TOO_MANY_REQUESTS "too-many-streams" "Too many streams are open"
        "A user follows the changes by ten streams at most. Close one first."
        "The account has as many streams of changes open as it may have, on this instance."
        "Close a stream that nobody reads; tabs of one browser may share one.";
    TooManyRequests TOO_MANY_REQUESTS "too-many-requests" "Too many requests"
        "Your quota is used up for the moment. Retry-After says in how many seconds to try again."
        "More was asked within a short time than the quota has; `RateLimit-Policy` names it. Or more of your requests \
         are waiting than there is room for."
        "Wait for the seconds that `Retry-After` says, and send fewer at once.";
    TooManyAttempts TOO_MANY_REQUESTS "too-many-attempts" "Too many failed attempts"
        "After a wrong password the next try has to wait. Retry-After says how many seconds."
        "After wrong passwords the next try has to wait; meanwhile the right one does not help either."
        "Wait for the seconds that `Retry-After` says.";
    HeaderFieldsTooLarge REQUEST_HEADER_FIELDS_TOO_LARGE "header-fields-too-large" "The headers are too large"
        "All headers together may have 16,384 bytes."
        "The headers together have more bytes, or there are more of them, than are read."
        "Send fewer; mostly it is cookies of neighbours on the same domain.";
    Internal INTERNAL_SERVER_ERROR "internal-error" "Something went wrong here"
        "This is our fault, and it was logged under the request_id. Try again later."
        "Something failed that is not the caller's doing. It is in the server's log."
        "Try again later; if it stays, tell whoever runs the server the `request_id`.";
    Overloaded SERVICE_UNAVAILABLE "overloaded" "The server is busy"
        "Too much is waiting to be done. Try again in a second."
        "More is waiting to be done than can be done in time."
        "Send the same again after the seconds that `Retry-After` says.";
    Unavailable SERVICE_UNAVAILABLE "unavailable" "The service is not available"
        "The database does not answer, or the server is shutting down. Try again in a second."
        "The database does not answer, or the server is about to stop."
        "Send the same again after the seconds that `Retry-After` says.";
}

impl Kind {
    /// The HTTP status of the response.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.row().status
    }

    /// The short name, the last segment of the problem's `type`, such as `not-found`.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        self.row().slug
    }

    /// The title, for people (RFC 9457's `title`).
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// The detail, for people, where no more is known about the problem (RFC 9457's `detail`).
    #[must_use]
    pub const fn detail(self) -> &'static str {
        self.row().detail
    }

    /// The meaning of the kind, at length, for the page about it.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// The advice how to mend a problem of this kind, for the page about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        self.row().remedy
    }

    /// The problem's `type` (RFC 9457 §3.1.1): the path of the page about the kind, such as `/problems/not-found`.
    #[must_use]
    pub fn uri(self) -> String {
        format!("/problems/{}", self.slug())
    }

    /// The kind with this slug, such as `not-found`; `None` if there is none.
    #[must_use]
    pub fn named(slug: &str) -> Option<Self> {
        Self::ALL.iter().find(|kind| kind.slug() == slug).copied()
    }
}

//! The completion of every response, from a handler or the framework: a request id, the security headers, a caching
//! rule, and, for an error, a problem document. This middleware wraps everything else, so that no response leaves
//! without it.

use std::{
    any::Any,
    future::poll_fn,
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Instant,
};

use actix_web::{
    Error, HttpMessage, HttpResponse, ResponseError,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    rt,
    web::Data,
};

use super::requests::{ActiveRequest, RequestCounts};
use crate::{
    cors::Cors,
    current_user::CurrentUser,
    ids::ApiKeyId,
    limits::{Counted, Limits, Source},
    log::{self, Cause},
    problem::{Kind, Problem},
    routes::KNOWN,
    routing::{APPLICATION_JSON, RouteInfo},
    wire::{accepts, is_accepted},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The value of `Strict-Transport-Security`: https only, for a year (RFC 6797).
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// The method and the path, in the log, of a request that cannot be read.
const UNKNOWN: &str = "-";

/// The most bytes of path and query together.
const LONGEST_URI: usize = 8_192;
/// The most bytes of all headers together, names and values.
const LARGEST_HEADERS: usize = 16_384;

/// The security headers of every response. A page that runs in a browser names what it needs instead, by itself;
/// nothing else needs to be allowed.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// The facts about a request that its response and its line in the log need.
struct RequestContext {
    id: String,
    method: Method,
    /// The path as the caller spelled it.
    path: String,
    route: RouteInfo,
    source: Source,
    /// The origin of the page that sent the request, if it may read the response.
    origin: Option<HeaderValue>,
    cors: Data<Cors>,
    is_https: bool,
    began: Instant,
    active: ActiveRequest,
}

/// Middleware around the whole app: completes every response with a request id, the security headers, `Cache-Control`,
/// the CORS and rate limit headers, and for an error a problem document; logs the request. Refuses a request whose path
/// and query have more than 8,192 bytes (`uri-too-long`), or whose headers have more than 16,384
/// (`header-fields-too-large`), and one whose `Accept` does not allow the response (`not-acceptable`). A panic becomes
/// `internal-error`.
///
/// # Errors
/// `internal-error` as a complete response, when a handler panicked: the request is lost with the panic, so that the
/// response has to travel as an error.
pub async fn complete(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let context = RequestContext::of(&request)?;
    if let Some(preflight) = context.cors.preflight(request.method(), request.headers()) {
        return Ok(finish(request.into_response(preflight), &context));
    }
    if let Err(problem) = check_size(&request) {
        return Ok(finish(request.error_response(problem), &context));
    }
    let is_safe = request.method().is_safe();
    // Until the gate knows the user, a request's jobs wait in its address's turn.
    let flow = context.source.flow();
    let answered = flow.scope(answer(request, next, context));
    if is_safe {
        return answered.await;
    }
    // A client that hangs up ends a read, but not a change that has begun: a wrong password would not be counted, and
    // what happened to an account not be logged.
    rt::spawn(answered).await.unwrap_or_else(|lost| Err(Problem::internal(lost).into()))
}

async fn answer(
    request: ServiceRequest,
    next: Next<BoxBody>,
    context: RequestContext,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let cause = Cause { request_id: Some(context.id.clone()), source: Box::new(context.source) };
    match without_panic(log::scope(cause, next.call(request))).await {
        Ok(Ok(response)) if is_accepted(&response) => Ok(finish(response, &context)),
        Ok(Ok(response)) => Ok(finish(response.error_response(Problem::new(Kind::NotAcceptable)), &context)),
        Ok(Err(error)) => Err(finish_without_request(HttpResponse::from_error(error), &context)),
        Err(panic) => {
            let problem = Problem::internal(format!("a handler panicked: {}", said_by(&*panic)));
            Err(finish_without_request(HttpResponse::from_error(problem), &context))
        }
    }
}

impl RequestContext {
    fn of(request: &ServiceRequest) -> Result<Self, Problem> {
        let cors = request.app_data::<Data<Cors>>().ok_or_else(|| Problem::internal("no origins in the app"))?;
        let proxies = &Limits::of(request.request())?.proxies;
        let counts = request.app_data().ok_or_else(|| Problem::internal("no counts in the app"))?;
        let origin = cors.allowed(request.headers()).cloned();
        if origin.is_none() && request.headers().contains_key(header::ORIGIN) {
            cors.tell_of_stranger(request.headers());
        }
        Ok(Self {
            id: request_id(request.headers()),
            method: request.method().clone(),
            path: request.path().to_owned(),
            // The decoded path, as routes are found: `/%6de` is `/me`.
            route: KNOWN.info(request.match_info().as_str()),
            source: proxies.source(request.request()),
            origin,
            cors: Data::clone(cors),
            is_https: proxies.say_https(request.request()),
            began: Instant::now(),
            active: ActiveRequest::begin(counts, request.method()),
        })
    }
}

/// Refuses a request whose size or `Accept` is not acceptable, before its handler sees it.
fn check_size(request: &ServiceRequest) -> Result<(), Problem> {
    if request.uri().path_and_query().is_some_and(|uri| uri.as_str().len() > LONGEST_URI) {
        return Err(Kind::UriTooLong.into());
    }
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    if headers.sum::<usize>() > LARGEST_HEADERS {
        return Err(Kind::HeaderFieldsTooLarge.into());
    }
    // A write is not done first and refused afterwards. Nearly all callers accept JSON, and then the table need not be
    // looked up.
    if request.method().is_safe() || accepts(request.headers(), APPLICATION_JSON) {
        return Ok(());
    }
    match KNOWN.success_type(request.method(), request.match_info().as_str()) {
        Some(made) if !accepts(request.headers(), made) => Err(Kind::NotAcceptable.into()),
        _ => Ok(()),
    }
}

/// Runs a handler to its end, or to its panic.
async fn without_panic<T>(work: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut work = pin!(work);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

fn said_by(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("something that is no text")
}

/// Completes a response and writes its line into the log.
fn finish(response: ServiceResponse, context: &RequestContext) -> ServiceResponse {
    let me = response.request().extensions().get::<CurrentUser>().copied();
    let counted = response.request().extensions_mut().remove::<Counted>();
    let (request, response) = response.into_parts();
    let mut response = complete_response(response, context, me);
    if let Some(counted) = counted {
        counted.put_into(response.headers_mut());
    }
    ServiceResponse::new(request, response)
}

/// Completes a response whose request was lost.
fn finish_without_request(response: HttpResponse, context: &RequestContext) -> Error {
    InternalError::from_response("the request was lost", complete_response(response, context, None)).into()
}

fn complete_response(response: HttpResponse, context: &RequestContext, me: Option<CurrentUser>) -> HttpResponse {
    let mut response = if is_error(response.status()) { with_problem(response, context) } else { response };
    let cache_control =
        context.route.cache_control.value(response.status(), response.headers().contains_key(header::ETAG));
    let headers = response.headers_mut();
    put_usual_headers(headers, &context.id, cache_control);
    context.cors.complete(context.origin.as_ref(), headers);
    if context.is_https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    let took = context.began.elapsed();
    context.active.count_response(context.route.number, response.status(), took);
    tracing::info!(
        target: "kennel::access",
        request_id = context.id,
        source = %context.source,
        user_id = me.map(|me| me.id.get()),
        key_id = me.and_then(|me| me.key_id()).map(ApiKeyId::get),
        method = %context.method,
        route = context.route.name,
        status = response.status().as_u16(),
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
    );
    response
}

/// The response, with the body of `problem`, to bytes that cannot be read as a request, so that they never reach the
/// app and [`complete`]: with a new request id, the security headers and `Cache-Control: no-store`, as every response.
/// `source` is the address of the TCP peer, for the line in the log that is written here; `counts` counts the refusal.
#[must_use]
pub fn refuse(problem: &Problem, source: IpAddr, counts: &RequestCounts) -> HttpResponse {
    counts.count_refused(problem.kind());
    let id = request_id(&HeaderMap::new());
    let mut response = problem.error_response().set_body(BoxBody::new(problem.body(None, &id)));
    let status = response.status().as_u16();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
    put_usual_headers(headers, &id, "no-store");
    tracing::info!(
        target: "kennel::access",
        request_id = id,
        method = UNKNOWN,
        route = UNKNOWN,
        status,
        problem = problem.kind().slug(),
        %source,
    );
    response
}

fn put_usual_headers(headers: &mut HeaderMap, id: &str, cache_control: &'static str) {
    for (name, value) in &SECURITY_HEADERS {
        if *name != header::CONTENT_SECURITY_POLICY || !headers.contains_key(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
    // A handler may have said by itself that its response is not to be stored.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// Gives an error its problem document; an error of the framework gets the problem of its status.
fn with_problem(response: HttpResponse, context: &RequestContext) -> HttpResponse {
    let describe = |problem: &Problem| {
        context.active.count_problem(problem.kind());
        log_failure(problem, context);
        problem.body(Some(&context.path), &context.id)
    };
    let ours = response.error().and_then(|error| error.as_error::<Problem>()).map(describe);
    let body = ours.unwrap_or_else(|| describe(&made_by_the_framework(&response)));
    let mut response = response.set_body(BoxBody::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
    response
}

fn made_by_the_framework(response: &HttpResponse) -> Problem {
    let kind = Kind::ALL.iter().find(|kind| kind.status() == response.status()).copied();
    let cause = response.error().map_or_else(|| "an answer without an error".to_owned(), ToString::to_string);
    Problem::new(kind.unwrap_or(Kind::Internal)).caused_by(cause)
}

/// Logs a failure of the server, once, here, where the request is known; a caller's mistake is no event.
fn log_failure(problem: &Problem, context: &RequestContext) {
    if !problem.kind().status().is_server_error() {
        return;
    }
    let cause = problem.cause().map(ToString::to_string);
    let (request_id, method, route) = (&context.id, &context.method, context.route.name);
    let source = context.source;
    // A 503 passes by itself, so it is a warning.
    if problem.kind().status() == StatusCode::SERVICE_UNAVAILABLE {
        tracing::warn!(request_id, %source, %method, route, cause, "{problem}");
    } else {
        tracing::error!(request_id, %source, %method, route, cause, "{problem}");
    }
}

/// The caller's own id for its request, if it is one that can be logged; otherwise a new one.
fn request_id(headers: &HeaderMap) -> String {
    static PREFIX: LazyLock<String> = LazyLock::new(random_prefix);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let is_plain = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    match headers.get_all(REQUEST_ID).filter_map(|id| std::str::from_utf8(id.as_bytes()).ok()).find(is_plain) {
        Some(id) => id.to_owned(),
        None => format!("{}{:010x}", *PREFIX, COUNT.fetch_add(1, Ordering::Relaxed)),
    }
}

/// A random prefix, which tells this process's request ids from those of another.
fn random_prefix() -> String {
    let mut bytes = [0_u8; 8];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        tracing::warn!("no random numbers: request ids are unique in this process only");
    }
    format!("{:016x}", u64::from_be_bytes(bytes))
}

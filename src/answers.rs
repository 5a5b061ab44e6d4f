//! What every answer has, whoever made it: a request id, the security headers, a caching rule, and, if it is
//! an error, a problem document. This wraps everything else, so that nothing leaves the house without it.

mod accept;

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

use tracing::Instrument;

use self::accept::{accepts, is_accepted};
use crate::{
    auth::CurrentUser,
    cors::Cors,
    limits::{Counted, Limits, Source},
    problem::{Kind, Problem},
    routes::{APPLICATION_JSON, RouteInfo, route_info, success_type},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// For a year (RFC 6797).
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What cannot be read has neither method nor path for the log.
const UNKNOWN: &str = "-";

/// Bytes of path and query together.
const LONGEST_URI: usize = 8_192;
/// Bytes of all headers together, names and values.
const LARGEST_HEADERS: usize = 16_384;

/// On every answer, whatever it says. No page of ours runs in a browser, so nothing needs to be allowed.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// What is known of a request when its answer leaves.
struct Asked {
    id: String,
    method: Method,
    /// As it was spelled.
    path: String,
    route: RouteInfo,
    source: Source,
    /// The origin of the page that sent it, if its answers may be read there.
    origin: Option<HeaderValue>,
    cors: Data<Cors>,
    is_https: bool,
    began: Instant,
}

/// Middleware: completes every answer, and makes one where there is none (a panic).
///
/// # Errors
/// A panic's answer travels as an error, since the request is gone with it; it is complete all the same.
pub async fn complete(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let asked = Asked::of(&request)?;
    if let Some(preflight) = asked.cors.preflight(request.method(), request.headers()) {
        return Ok(finish(request.into_response(preflight), &asked));
    }
    if let Err(problem) = admit(&request) {
        return Ok(finish(request.error_response(problem), &asked));
    }
    let is_safe = request.method().is_safe();
    // Until the gate knows the user, what a request has to wait for waits in its address's turn.
    let flow = asked.source.flow();
    let answered = flow.scope(answer(request, next, asked));
    if is_safe {
        return answered.await;
    }
    // A client that hangs up ends what it reads, but not what it has begun to change: a wrong password would not be
    // counted, and what happened to an account not be logged.
    rt::spawn(answered).await.unwrap_or_else(|lost| Err(Problem::internal(lost).into()))
}

async fn answer(request: ServiceRequest, next: Next<BoxBody>, asked: Asked) -> Result<ServiceResponse<BoxBody>, Error> {
    // In each line that is written inside of it, and so in each security event, whose target it has for that: a filter
    // that lets them through lets it through.
    let span =
        tracing::info_span!(target: "kennel::security", "request", request_id = asked.id, source = %asked.source);
    match without_panic(next.call(request).instrument(span)).await {
        Ok(Ok(response)) if is_accepted(&response) => Ok(finish(response, &asked)),
        Ok(Ok(response)) => Ok(finish(response.error_response(Problem::new(Kind::NotAcceptable)), &asked)),
        Ok(Err(error)) => Err(finish_without_request(HttpResponse::from_error(error), &asked)),
        Err(panic) => {
            let problem = Problem::internal(format!("a handler panicked: {}", said_by(&*panic)));
            Err(finish_without_request(HttpResponse::from_error(problem), &asked))
        }
    }
}

impl Asked {
    fn of(request: &ServiceRequest) -> Result<Self, Problem> {
        let cors = request.app_data::<Data<Cors>>().ok_or_else(|| Problem::internal("no origins in the app"))?;
        let proxies = &Limits::of(request.request())?.proxies;
        let origin = cors.allowed(request.headers()).cloned();
        if origin.is_none() && request.headers().contains_key(header::ORIGIN) {
            cors.tell_of_stranger(request.headers());
        }
        Ok(Self {
            id: request_id(request.headers()),
            method: request.method().clone(),
            path: request.path().to_owned(),
            // Decoded, as the routes are found: `/%6de` is `/me`.
            route: route_info(request.match_info().as_str()),
            source: proxies.source(request.request()),
            origin,
            cors: Data::clone(cors),
            is_https: proxies.say_https(request.request()),
            began: Instant::now(),
        })
    }
}

/// What can be refused before anybody looks at the request.
fn admit(request: &ServiceRequest) -> Result<(), Problem> {
    if request.uri().path_and_query().is_some_and(|uri| uri.as_str().len() > LONGEST_URI) {
        return Err(Problem::new(Kind::UriTooLong));
    }
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    if headers.sum::<usize>() > LARGEST_HEADERS {
        return Err(Problem::new(Kind::HeaderFieldsTooLarge));
    }
    // A write is not done first and refused afterwards. Nearly all take what nearly all answer, so that the table need
    // not be asked.
    if request.method().is_safe() || accepts(request.headers(), APPLICATION_JSON) {
        return Ok(());
    }
    match success_type(request.method(), request.match_info().as_str()) {
        Some(made) if !accepts(request.headers(), made) => Err(Problem::new(Kind::NotAcceptable)),
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

/// Completes an answer and writes its line into the log.
fn finish(response: ServiceResponse, asked: &Asked) -> ServiceResponse {
    let user_id = response.request().extensions().get::<CurrentUser>().map(|me| me.id.get());
    let counted = response.request().extensions_mut().remove::<Counted>();
    let (request, response) = response.into_parts();
    let mut response = complete_response(response, asked, user_id);
    if let Some(counted) = counted {
        counted.put_into(response.headers_mut());
    }
    ServiceResponse::new(request, response)
}

/// The same for an answer whose request was lost.
fn finish_without_request(response: HttpResponse, asked: &Asked) -> Error {
    InternalError::from_response("the request was lost", complete_response(response, asked, None)).into()
}

fn complete_response(response: HttpResponse, asked: &Asked, user_id: Option<i64>) -> HttpResponse {
    let mut response = if is_error(response.status()) { with_problem(response, asked) } else { response };
    let cache_control =
        asked.route.cache_control.value(response.status(), response.headers().contains_key(header::ETAG));
    let headers = response.headers_mut();
    put_usual_headers(headers, &asked.id, cache_control);
    asked.cors.complete(asked.origin.as_ref(), headers);
    if asked.is_https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    tracing::info!(
        target: "kennel::access",
        request_id = asked.id,
        source = %asked.source,
        user_id,
        method = %asked.method,
        route = asked.route.name,
        status = response.status().as_u16(),
        micros = u64::try_from(asked.began.elapsed().as_micros()).unwrap_or(u64::MAX),
    );
    response
}

/// The answer to what cannot be read as a request, complete as any other; it came from `source`.
#[must_use]
pub fn refuse(problem: &Problem, source: IpAddr) -> HttpResponse {
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
        headers.insert(name.clone(), value.clone());
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// Gives an error its problem document; one that the framework made gets the problem of its status.
fn with_problem(response: HttpResponse, asked: &Asked) -> HttpResponse {
    let describe = |problem: &Problem| {
        log_failure(problem, asked);
        problem.body(Some(&asked.path), &asked.id)
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

/// A failure of ours is logged once, here, where the request is known; a caller's own is no event.
fn log_failure(problem: &Problem, asked: &Asked) {
    if !problem.kind().status().is_server_error() {
        return;
    }
    let cause = problem.cause().map(ToString::to_string);
    let (request_id, method, route) = (&asked.id, &asked.method, asked.route.name);
    let source = asked.source;
    // What passes by itself is no fault of ours.
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

/// Tells this process's ids from those of another one.
fn random_prefix() -> String {
    let mut bytes = [0_u8; 8];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        tracing::warn!("no random numbers: request ids are unique in this process only");
    }
    format!("{:016x}", u64::from_be_bytes(bytes))
}

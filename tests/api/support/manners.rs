//! What every answer owes the caller, whatever was asked: the headers, the shape of errors, and what must
//! never be seen from outside. `contract.rs` asks this of each answer, and then what is particular to it.

use kennel::problem::Kind;
use serde_json::Value;
use ureq::http::HeaderValue;

use super::Answer;
use super::app::SECRET;
use super::client::PASSWORD;
use super::contract::{TEST_ROUTES, contract};

/// Traces of the inside that no body may show: stored secrets, SQL, types, files, the words of parsers.
const NEVER_SHOWN: [&str; 16] = [
    "$argon2",
    SECRET,
    PASSWORD,
    "SELECT ",
    "INSERT ",
    "UNIQUE constraint",
    "FOREIGN KEY",
    "sqlite",
    "postgres",
    "diesel",
    "actix",
    "serde",
    "expected value",
    "at line 1",
    "panicked",
    "src/",
];

const QUOTAS: [&str; 8] = ["user", "ip", "login", "forgot", "signup", "password", "refresh", "names"];

/// What a browser lets anything do that we answer: nothing.
pub const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";
/// What it lets a page do that is read.
pub const READ: &str = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
                        form-action 'none'";
/// What it lets a page do whose scripts call this server.
pub const SCRIPTED: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                            connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// What it lets the console do: no text becomes HTML or a script, either.
pub const CONSOLE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                           frame-ancestors 'none'; base-uri 'none'; form-action 'none'; \
                           require-trusted-types-for 'script'; trusted-types 'none'";
/// Bytes of a page, at most.
const LARGEST_PAGE: usize = 20 * 1024;

/// What takes away the cookie of the earlier name.
pub const OLD_COOKIE_GOES: &str = "kennel_refresh=; HttpOnly; Secure; SameSite=Strict; Path=/auth; Max-Age=0";

/// What asks for a new login, though the token is good (RFC 9470 §3).
pub const LOG_IN_AGAIN: &str =
    r#"Bearer error="insufficient_user_authentication", error_description="log in again", max_age=300"#;

/// Whether the answer has good manners; if not, what it lacks.
pub fn check(answer: &Answer) -> Result<(), String> {
    let may_fail = answer.asked_path().starts_with(TEST_ROUTES);
    must(answer.status != 500 || may_fail, "nothing that a caller sends is our fault")?;
    headers(answer)?;
    body(answer)?;
    if answer.status >= 400 { problem(answer) } else { Ok(()) }
}

/// Bytes of a head, at most: what proxies take by default (nginx's `proxy_buffer_size`).
const LARGEST_HEAD: usize = 4096;

fn headers(answer: &Answer) -> Result<(), String> {
    let status_line = "HTTP/1.1 431 Request Header Fields Too Large\r\n\r\n".len();
    let lines = answer.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    must(status_line + lines.sum::<usize>() <= LARGEST_HEAD, "a head has 4 KiB at most")?;
    let id = one(answer, "x-request-id")?;
    let is_plain = id.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    must(is_plain && (1..=64).contains(&id.len()), "X-Request-Id is 1 to 64 plain characters")?;
    let fixed = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", &cache_control(answer)),
    ];
    for (name, value) in fixed {
        must(one(answer, name)? == value, &format!("{name} is {value:?}"))?;
    }
    let policies = policies(answer);
    let policy = one(answer, "content-security-policy")?;
    must(policies.contains(&policy), &format!("content-security-policy is one of {policies:?}"))?;
    must(answer.header_if_any("server").is_none(), "nothing tells what the server is made of")?;
    if answer.header_if_any("etag").is_some() {
        let tag = one(answer, "etag")?.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or_default();
        // That of the book has two numbers, once changes are forgotten.
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_version =
            tag.split_once('-').map_or(is_number(tag), |(last, floor)| is_number(last) && is_number(floor));
        let is_digest = tag.len() == 32 && tag.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_right = if is_for_anybody(answer) { is_digest } else { is_version };
        must(is_right, "an ETag is a version, or a digest of what is for anybody")?;
        must(answer.status < 400, "an error has no ETag")?;
    }
    if answer.header_if_any("set-cookie").is_some() {
        let may = ["/auth/login", "/auth/refresh", "/auth/logout"].contains(&answer.asked_path());
        must(may && cookies_are_ours(answer), "there is one cookie, and perhaps one of the earlier name goes")?;
    }
    quota(answer)?;
    match answer.status {
        401 => {
            let challenge = one(answer, "www-authenticate")?;
            let names_the_fault = challenge.starts_with(r#"Bearer error="invalid_token", error_description=""#);
            must(
                challenge == "Bearer" || challenge == LOG_IN_AGAIN || names_the_fault,
                "WWW-Authenticate is a Bearer challenge",
            )
        }
        304 => one(answer, "etag").map(drop),
        405 => one(answer, "allow").map(drop),
        429 | 503 => {
            let seconds = one(answer, "retry-after")?;
            must(seconds.parse::<u32>().is_ok_and(|seconds| seconds >= 1), "Retry-After is whole seconds, from one")
        }
        _ => Ok(()),
    }
}

fn cookies_are_ours(answer: &Answer) -> bool {
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().map(HeaderValue::as_bytes).collect();
    match cookies.as_slice() {
        [new] => new.starts_with(b"__Host-kennel_refresh="),
        [new, old] => new.starts_with(b"__Host-kennel_refresh=") && *old == OLD_COOKIE_GOES.as_bytes(),
        _ => false,
    }
}

/// What is left of which quota, if the request was counted (draft-ietf-httpapi-ratelimit-headers).
fn quota(answer: &Answer) -> Result<(), String> {
    // How many mails somebody may cause is no quota of requests.
    let of_mails = answer.method == "PATCH" && answer.asked_path() == "/me";
    // Nor is how many requests may wait.
    let of_waiting = answer.json["detail"].as_str().is_some_and(|detail| detail.contains("waiting already"));
    let is_used_up =
        answer.status == 429 && answer.json["type"] == "/problems/too-many-requests" && !of_mails && !of_waiting;
    let Some(policy) = answer.header_if_any("ratelimit-policy") else {
        must(answer.header_if_any("ratelimit").is_none(), "RateLimit comes with its RateLimit-Policy")?;
        return must(!is_used_up, "who ran out of a quota is told of which");
    };
    let (name, [quota, window]) = parse_quota(policy, ["q", "w"]).ok_or("RateLimit-Policy is a name, q and w")?;
    let limit = one(answer, "ratelimit")?;
    let (named, [left, seconds]) = parse_quota(limit, ["r", "t"]).ok_or("RateLimit is a name, r and t")?;
    must(name == named && QUOTAS.contains(&name), "the quota is a known one, and the same in both headers")?;
    must(left < quota, "a request that was counted was taken off the quota")?;
    must(seconds <= window.max(1), "the whole quota is back in its window")?;
    must(!is_used_up || left == 0 || is_heavy(answer), "whoever has something left may go on")
}

/// Whether a request takes more than one of its quota.
fn is_heavy(answer: &Answer) -> bool {
    const HEAVY: [(&str, &str); 5] = [
        ("PUT", "/me/password"),
        ("GET", "/me/export"),
        ("HEAD", "/me/export"),
        ("POST", "/me/import"),
        ("DELETE", "/me"),
    ];
    let (method, path) = (answer.method.as_str(), answer.asked_path());
    HEAVY.contains(&(method, path)) || path == "/auth/password/reset" || answer.path.contains('?')
}

/// The name and the two whole numbers of `"name";a=1;b=2`.
pub fn parse_quota<'a>(value: &'a str, keys: [&str; 2]) -> Option<(&'a str, [u64; 2])> {
    let mut parts = value.split(';');
    let name = parts.next()?.strip_prefix('"')?.strip_suffix('"')?;
    let [first, second] = keys.map(|key| parts.next()?.strip_prefix(key)?.strip_prefix('=')?.parse().ok());
    if parts.next().is_some() { None } else { Some((name, [first?, second?])) }
}

fn is_for_anybody(answer: &Answer) -> bool {
    promised_cache_control(answer).is_some_and(|promised| promised == "no-cache" || promised.starts_with("public"))
}

/// What a browser may be told that this may do. Of a page that it has it believes the policy of the 304.
fn policies(answer: &Answer) -> &'static [&'static str] {
    let is_page = answer.header_if_any("content-type").is_some_and(|made| made.starts_with("text/html"));
    let path = answer.meant_path();
    match (is_page || answer.status == 304, path.as_str()) {
        (true, "/docs") => &[SCRIPTED],
        (true, "/app") => &[CONSOLE],
        (true, _) if is_page => &[READ],
        (true, path) if path == "/" || path.starts_with("/problems") => &[READ, NOTHING],
        _ => &[NOTHING],
    }
}

/// What the contract promises of the answer: an error is kept where all that succeeds is the reader's own, and what is
/// in no area of the contract is not kept.
fn cache_control(answer: &Answer) -> String {
    let usual = match promised_cache_control(answer) {
        _ if answer.is_a_refusal() => "no-store",
        _ if answer.header_if_any("content-type") == Some("text/event-stream") => "no-store",
        Some(private @ "private, no-cache") => private,
        Some(promised) if answer.status < 400 => promised,
        _ => "no-store",
    };
    // A proxy that compressed it would weaken the version.
    let has_version = matches!(usual, "no-store" | "private, no-cache") && answer.header_if_any("etag").is_some();
    format!("{usual}{}", if has_version { NO_TRANSFORM } else { "" })
}

const NO_TRANSFORM: &str = ", no-transform";

/// The one `Cache-Control` of all answers that succeed at the answer's path, or else in its area; whether a version
/// comes with it is left out.
fn promised_cache_control(answer: &Answer) -> Option<&'static str> {
    let path = answer.meant_path();
    let mut promised = contract().cache_controls(|operation| operation.fits(&path));
    if promised.is_empty() {
        let area = |path: &str| path.split('/').nth(1).filter(|area| !area.is_empty()).map(str::to_owned);
        let here = area(&path)?;
        promised = contract().cache_controls(|operation| area(&operation.path).as_ref() == Some(&here));
    }
    let mut promised = promised.into_iter();
    promised.next().filter(|_| promised.next().is_none())
}

fn body(answer: &Answer) -> Result<(), String> {
    if answer.method == "HEAD" || [202, 204, 304].contains(&answer.status) {
        return must(answer.body.is_empty(), "there is no body");
    }
    let content_type = one(answer, "content-type")?;
    let (is_json, is_page) = (content_type.ends_with("json"), content_type.starts_with("text/html"));
    must(!is_json || answer.json != Value::Null, "a body that calls itself JSON is JSON")?;
    must(!is_page || answer.body.len() <= LARGEST_PAGE, "a page has 20 KiB at most")?;
    if is_json || is_page {
        let shown = String::from_utf8_lossy(&answer.body);
        for secret in NEVER_SHOWN {
            must(!shown.contains(secret), &format!("no body shows {secret:?}"))?;
        }
    }
    Ok(())
}

fn problem(answer: &Answer) -> Result<(), String> {
    if answer.method == "HEAD" {
        return Ok(());
    }
    let problem = &answer.json;
    must(one(answer, "content-type")? == "application/problem+json", "an error is application/problem+json")?;
    must(problem["request_id"] == one(answer, "x-request-id")?, "request_id is the X-Request-Id")?;
    must(problem["status"] == answer.status, "the status in the body is the status")?;
    must(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "an error has a detail")?;
    let kind = Kind::ALL.iter().find(|kind| problem["type"] == format!("/problems/{}", kind.slug()));
    let kind = kind.ok_or("the problem's type is a known one")?;
    must(kind.status().as_u16() == answer.status, "the problem's type has this status")?;
    must(problem["title"] == kind.title(), "the problem's type has this title")?;
    match problem.get("instance") {
        None => Ok(()),
        Some(_) if answer.status == 404 => Err("no 404 has an instance, so that all are the same bytes".to_owned()),
        Some(instance) => must(instance == answer.asked_path(), "the problem's instance is the path"),
    }
}

fn one<'a>(answer: &'a Answer, name: &str) -> Result<&'a str, String> {
    let mut values = answer.headers.get_all(name).iter();
    match (values.next().map(|value| value.to_str()), values.next()) {
        (Some(Ok(value)), None) => Ok(value),
        _ => Err(format!("{name} is there once")),
    }
}

fn must(holds: bool, rule: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(rule.to_owned()) }
}

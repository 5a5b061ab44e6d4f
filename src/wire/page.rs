//! Lists, a page at a time: `limit` and `cursor` in, a bare array and a `Link` header (RFC 8288) out.
//! Pages are found by key, not by offset, so they stay put while rows come and go.

use std::{
    borrow::Cow,
    future::{Ready, ready},
};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, Responder,
    dev::Payload,
    http::header::{self, HeaderValue},
    web::Data,
};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;

use crate::{
    auth::keys::Keys,
    problem::{FieldError, Problem},
};

const DEFAULT_LIMIT: i64 = 50;
const MOST: i64 = 200;

/// Why a parameter is not acceptable: code and detail.
type Refusal = (&'static str, &'static str);

const FOREIGN_CURSOR: Refusal = ("invalid_cursor", "Take a cursor from the Link header of this very list.");

/// Which rows of a list are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Rows with a greater id.
    pub after: i64,
    limit: i64,
}

impl Window {
    /// How many rows to fetch: one more than the page has, to see whether there is a next one.
    #[must_use]
    pub fn fetch(self) -> i64 {
        self.limit + 1
    }
}

/// The canonical path of a resource that has several; the route table sets it.
#[derive(Clone)]
pub struct CanonicalPath(pub String);

/// The page that a request asks for. The only reader of a list's query; what it does not know is refused.
pub struct Page {
    pub window: Window,
    request: HttpRequest,
}

impl FromRequest for Page {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

impl Page {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let mut query = Query::of(request);
        let limit = query.take("limit", |text| limit(&text));
        let after = query.take("cursor", |text| read_cursor(cursor_key(request)?, path(request), &text));
        query.end()?;
        let window = Window { after: after.unwrap_or(0), limit: limit.unwrap_or(DEFAULT_LIMIT) };
        Ok(Self { window, request: request.clone() })
    }

    /// The answer: `rows` as they were fetched, each turned into what leaves the house; `id` is what they
    /// are paged by.
    pub fn list<R, T: From<R>>(self, mut rows: Vec<R>, id: impl Fn(&R) -> i64) -> Listed<T> {
        let limit = self.window.limit;
        let size = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_next = rows.len() > size;
        rows.truncate(size);
        let next = rows.last().filter(|_| has_next).and_then(|last| {
            let path = path(&self.request);
            let cursor = write_cursor(cursor_key(&self.request).ok()?, path, id(last));
            Some(format!("<{path}?limit={limit}&cursor={cursor}>; rel=\"next\""))
        });
        Listed { rows: rows.into_iter().map(T::from).collect(), next }
    }
}

/// The list, by its canonical path: a cursor is good for no other.
fn path(request: &HttpRequest) -> &str {
    request.app_data::<CanonicalPath>().map_or_else(|| request.match_info().as_str(), |path| &path.0)
}

fn cursor_key(request: &HttpRequest) -> Result<&hmac::Key, Refusal> {
    request.app_data::<Data<Keys>>().map(|keys| &keys.cursor).ok_or(FOREIGN_CURSOR)
}

/// A page of a list, on its way out.
pub struct Listed<T> {
    rows: Vec<T>,
    /// The value of `Link`, if there is a next page.
    next: Option<String>,
}

impl<T: Serialize> Responder for Listed<T> {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok().json(self.rows);
        // A path of ours and base64url: always a header's value.
        if let Some(link) = self.next.and_then(|link| HeaderValue::try_from(link).ok()) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

/// The parameters of a query, taken one by one; what is left at the end is unknown.
struct Query<'a> {
    parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    errors: Vec<FieldError>,
}

impl<'a> Query<'a> {
    fn of(request: &'a HttpRequest) -> Self {
        let parameters = form_urlencoded::parse(request.query_string().as_bytes()).collect();
        Self { parameters, errors: Vec::new() }
    }

    fn take<T>(&mut self, name: &str, read: impl FnOnce(Cow<'a, str>) -> Result<T, Refusal>) -> Option<T> {
        let position = self.parameters.iter().position(|(given, _)| given == name)?;
        let (_, text) = self.parameters.swap_remove(position);
        if self.parameters.iter().any(|(given, _)| given == name) {
            self.parameters.retain(|(given, _)| given != name);
            self.errors.push(FieldError::query(name, "repeated_parameter", "Give this parameter once."));
            return None;
        }
        read(text).map_err(|(code, detail)| self.errors.push(FieldError::query(name, code, detail))).ok()
    }

    fn end(mut self) -> Result<(), Problem> {
        for (name, _) in &self.parameters {
            self.errors.push(unknown_parameter(name));
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::validation(self.errors)) }
    }
}

/// The fault of a parameter that a route does not have.
#[must_use]
pub fn unknown_parameter(name: &str) -> FieldError {
    FieldError::query(name, "unknown_parameter", "There is no such parameter here.")
}

/// A whole number from 1; more than a page holds counts as a full page.
fn limit(text: &str) -> Result<i64, Refusal> {
    if text.is_empty() || !text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(("type", "A limit is a whole number from 1."));
    }
    let number = text.parse::<i64>();
    if text.starts_with('-') || number == Ok(0) {
        return Err(("too_small", "A limit is a whole number from 1."));
    }
    Ok(number.unwrap_or(MOST).min(MOST))
}

/// A cursor is the id of the last row seen, signed together with the list that it belongs to.
fn write_cursor(key: &hmac::Key, path: &str, after: i64) -> String {
    let signature = hmac::sign(key, &signed_by_cursor(path, after));
    URL_SAFE_NO_PAD.encode([&after.to_be_bytes(), signature.as_ref()].concat())
}

fn read_cursor(key: &hmac::Key, path: &str, text: &str) -> Result<i64, Refusal> {
    let cursor = URL_SAFE_NO_PAD.decode(text).map_err(|_| FOREIGN_CURSOR)?;
    let (after, signature) = cursor.split_first_chunk().ok_or(FOREIGN_CURSOR)?;
    let after = i64::from_be_bytes(*after);
    hmac::verify(key, &signed_by_cursor(path, after), signature).map_err(|_| FOREIGN_CURSOR)?;
    Ok(after)
}

fn signed_by_cursor(path: &str, after: i64) -> Vec<u8> {
    [&after.to_be_bytes(), path.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;

    use super::{limit, read_cursor, write_cursor};

    #[test]
    fn a_limit_is_at_least_one_and_at_most_a_full_page() {
        assert_eq!(limit("1"), Ok(1));
        assert_eq!(limit("201"), Ok(200));
        assert_eq!(limit("99999999999999999999999"), Ok(200));
        for wrong in ["0", "-1", "-99999999999999999999999", "00"] {
            assert_eq!(limit(wrong).expect_err(wrong).0, "too_small");
        }
        for wrong in ["", "+1", "1.5", "1e3", "ten", " 1", "--1"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_cursor_is_good_for_its_own_list_only_and_cannot_be_made_up() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let cursor = write_cursor(&key, "/dogowner/dogs", 42);
        assert_eq!(read_cursor(&key, "/dogowner/dogs", &cursor), Ok(42));
        assert!(read_cursor(&key, "/dogowner/owners", &cursor).is_err());
        let other = hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]);
        assert!(read_cursor(&other, "/dogowner/dogs", &cursor).is_err());
        let shortened = cursor.chars().skip(1).collect::<String>();
        for wrong in ["", "42", &shortened, "AAAAAAAAACo"] {
            assert!(read_cursor(&key, "/dogowner/dogs", wrong).is_err(), "{wrong}");
        }
    }
}

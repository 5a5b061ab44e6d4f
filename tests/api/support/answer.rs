//! What came back, and the ways a sentence speaks about it. Each helper fails with the whole answer in its words.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;
use ureq::http::HeaderMap;

#[derive(Clone)]
pub struct Answer {
    /// The request that it answers.
    pub method: String,
    pub path: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The body as JSON, unpacked if it is compressed; null where it is none.
    pub json: Value,
}

impl Answer {
    pub fn new(method: &str, path: &str, status: u16, headers: HeaderMap, body: Vec<u8>) -> Self {
        let is_packed = headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip");
        let json = if is_packed {
            serde_json::from_reader(flate2::read::GzDecoder::new(&*body))
        } else {
            serde_json::from_slice(&body)
        };
        let json = json.unwrap_or(Value::Null);
        Self { method: method.to_owned(), path: path.to_owned(), status, headers, body, json }
    }

    /// The path of the request, without the query and what else may stand around it in a request line.
    pub fn asked_path(&self) -> &str {
        let path = self.path.split(['?', '#']).next().unwrap_or_default();
        let after_the_host = path.strip_prefix("http://").and_then(|rest| rest.find('/').map(|at| &rest[at..]));
        after_the_host.unwrap_or(path)
    }

    /// The same with its letters and digits as they are: `/%6de` means `/me`.
    pub fn meant_path(&self) -> String {
        let (first, encoded) = self.asked_path().split_once('%').unwrap_or((self.asked_path(), ""));
        let mut plain = first.to_owned();
        for part in encoded.split('%').filter(|part| !part.is_empty()) {
            let letter = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).map(char::from);
            match letter.filter(char::is_ascii_alphanumeric) {
                Some(letter) => plain.extend([letter].into_iter().chain(part.chars().skip(2))),
                None => plain.extend(['%'].into_iter().chain(part.chars())),
            }
        }
        plain
    }

    /// Whether it answers what could not be read as a request, and so has no path.
    pub fn is_a_refusal(&self) -> bool {
        let is_of_reading = [400, 408, 414, 431].contains(&self.status);
        is_of_reading && self.method != "HEAD" && self.json.get("instance").is_none()
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "the status of {self}");
        self
    }

    /// The answer, if it is this problem.
    #[track_caller]
    pub fn problem(self, slug: &str) -> Self {
        assert_eq!(self.json["type"], format!("/problems/{slug}"), "the problem in {self}");
        self
    }

    /// The answer, if it is a `validation-failed` that finds this wrong with the body at this pointer.
    #[track_caller]
    pub fn error(self, pointer: &str, code: &str) -> Self {
        self.finds("pointer", pointer, code)
    }

    /// The answer, if it is a `validation-failed` that finds this wrong with a query parameter.
    #[track_caller]
    pub fn parameter_error(self, parameter: &str, code: &str) -> Self {
        self.finds("parameter", parameter, code)
    }

    #[track_caller]
    fn finds(self, kind: &str, place: &str, code: &str) -> Self {
        let answer = self.expect(422).problem("validation-failed");
        let found = answer.json["errors"]
            .as_array()
            .is_some_and(|errors| errors.iter().any(|error| error[kind] == place && error["code"] == code));
        assert!(found, "no error {code} at {kind} {place:?} in {answer}");
        answer
    }

    /// The places and codes of all that it finds wrong with the body.
    pub fn errors(&self) -> BTreeSet<(String, String)> {
        let errors = self.json["errors"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        errors.map(|error| (text(&error["pointer"]), text(&error["code"]))).collect()
    }

    /// How many fields it complains about.
    pub fn error_count(&self) -> usize {
        self.json["errors"].as_array().map_or(0, Vec::len)
    }

    /// The `id` of the row that it shows.
    #[track_caller]
    pub fn id(&self) -> i64 {
        self.json["id"].as_i64().unwrap_or_else(|| panic!("no id in {self}"))
    }

    /// The text in a field of the body.
    #[track_caller]
    pub fn text(&self, field: &str) -> &str {
        self.json[field].as_str().unwrap_or_else(|| panic!("no text {field:?} in {self}"))
    }

    /// The rows of a list.
    #[track_caller]
    pub fn rows(&self) -> &[Value] {
        self.json.as_array().unwrap_or_else(|| panic!("not a list: {self}"))
    }

    /// The ids of a list's rows, in their order.
    #[track_caller]
    pub fn ids(&self) -> Vec<i64> {
        self.rows().iter().filter_map(|row| row["id"].as_i64()).collect()
    }

    /// The value of a header that must be there, once.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let count = self.headers.get_all(name).iter().count();
        assert_eq!(count, 1, "how often {name} is in {self}");
        self.header_if_any(name).unwrap_or_else(|| panic!("{name} is not text in {self}"))
    }

    pub fn header_if_any(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The version of the row that it shows, as preconditions name it.
    #[track_caller]
    pub fn etag(&self) -> &str {
        self.header("etag")
    }

    /// What the rows of a list have in a field, in their order.
    #[track_caller]
    pub fn all(&self, field: &str) -> Vec<Value> {
        self.rows().iter().map(|row| row[field].clone()).collect()
    }

    /// The target of `Link: <…>; rel="next"`: the path of the next page.
    #[track_caller]
    pub fn next_page(&self) -> Option<String> {
        let link = self.header_if_any("link")?;
        let target = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(r#">; rel="next""#));
        Some(target.unwrap_or_else(|| panic!("a strange Link in {self}")).to_owned())
    }

    /// The body without what may differ between two answers that are otherwise the same: the request's id.
    pub fn body_but_for_the_request_id(&self) -> String {
        let body = String::from_utf8_lossy(&self.body).into_owned();
        match self.json["request_id"].as_str() {
            Some(id) => body.replace(id, "…"),
            None => body,
        }
    }

    /// The headers without what may differ between two answers that are otherwise the same.
    pub fn headers_but_for_the_request_id(&self) -> Vec<(String, String)> {
        let mut headers: Vec<_> = self
            .headers
            .iter()
            // Whether the connection is kept is a matter of how much of an unread body has come.
            .filter(|(name, _)| !["connection", "date", "x-request-id"].contains(&name.as_str()))
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        headers.sort();
        headers
    }

    /// Fails unless both are the same answer but for the request's id.
    #[track_caller]
    pub fn same_as(&self, other: &Self) {
        assert_eq!(self.status, other.status, "{self}\nand {other}");
        assert_eq!(self.body_but_for_the_request_id(), other.body_but_for_the_request_id());
        assert_eq!(self.headers_but_for_the_request_id(), other.headers_but_for_the_request_id());
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path: String = self.path.chars().take(200).collect();
        writeln!(f, "the answer to {} {path}:\n  {}", self.method, self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "  {name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        write!(f, "  {}", String::from_utf8_lossy(&self.body).chars().take(2000).collect::<String>())
    }
}

//! The response of a list: a page as a bare array, with `Link` (RFC 8288) and `X-Total-Count`.

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::header::{self, HeaderName, HeaderValue},
};
use serde::Serialize;

use crate::problem::Problem;

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");
/// The bytes that are reserved for each row as JSON: most have fewer, and so a body is written without being moved.
const USUAL_ROW: usize = 256;

/// The response with a page of a list: 200 with a JSON array, `Link` to the next page (RFC 8288), and `X-Total-Count`
/// if the request asked for it.
pub struct PageResponse<T> {
    /// The rows in the form in which they are sent.
    pub rows: Vec<T>,
    /// The value of `Link`, `<PATH?QUERY>; rel="next"`; `None` on the last page.
    pub next: Option<HeaderValue>,
    /// The number of rows on all pages, the value of `X-Total-Count`; `None`, if the query does not ask for it.
    pub total: Option<i64>,
}

impl<T: Serialize> Responder for PageResponse<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = match json(&self.rows, 2 + self.rows.len() * USUAL_ROW) {
            Ok(body) => HttpResponse::Ok().content_type(APPLICATION_JSON).body(body),
            Err(error) => return HttpResponse::from_error(Problem::internal(error)),
        };
        if let Some(link) = self.next {
            response.headers_mut().insert(header::LINK, link);
        }
        if let Some(total) = self.total {
            response.headers_mut().insert(TOTAL_COUNT, total.into());
        }
        response
    }
}

fn json(body: &impl Serialize, expected: usize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(expected);
    serde_json::to_writer(&mut bytes, body)?;
    Ok(bytes)
}

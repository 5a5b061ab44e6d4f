//! Pages for people who open the server in a browser: `/`, `/docs`, the console at `/app`, and what problems mean.
//! Programs get JSON at the same addresses, but for `/docs` and `/app`; `routes` says where there are two, and `routing`
//! chooses by `Accept`.
//!
//! Pages are templates (`templates/`) that are filled in by `html`, which escapes; what they load are files
//! (`assets`) of this server alone, as their `Policy` says to the browser. The console (`console`) is a page as it was
//! written, with files of its own.

mod assets;
mod console;
pub mod handlers;
mod html;

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::header::{CONTENT_SECURITY_POLICY, ETAG, EntityTag, HeaderValue},
    web::Bytes,
};

use self::html::Html;
use crate::wire::{is_known, tag_of_bytes};

const HTML_IN_UTF_8: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The rights of a page in a browser (Content Security Policy).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    /// A page that is only shown: style sheet and icon, no script.
    Read,
    /// A page with scripts, which call this server.
    Scripted,
    /// The console: scripts that call this server, and none may make HTML or a script of a text (Trusted Types).
    Console,
}

impl Policy {
    fn value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Read => {
                "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
                 form-action 'none'"
            }
            // The style sheet of Swagger UI has its arrows as `data:`.
            Self::Scripted => {
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                 frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
            }
            Self::Console => {
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                 frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; \
                 trusted-types 'none'"
            }
        })
    }
}

/// A page as a response: HTML with a digest of its bytes as `ETag`, and the policy that says what the browser may load
/// for it. A clone shares the bytes.
#[derive(Clone)]
pub struct HtmlPage {
    bytes: Bytes,
    tag: EntityTag,
    policy: Policy,
}

impl HtmlPage {
    fn new(html: Html, policy: Policy) -> Self {
        let bytes = Bytes::from(html.into_string());
        Self { tag: tag_of_bytes(&[&bytes]), bytes, policy }
    }
}

impl Responder for HtmlPage {
    type Body = BoxBody;

    /// Responds with the page, or with 304 and the policy all the same: a browser takes the headers of the 304 for
    /// those of the page that it has (RFC 9111 §4.3.4).
    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let Self { bytes, tag, policy } = self;
        let is_known = is_known(request, &tag);
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response.insert_header((ETAG, tag)).insert_header((CONTENT_SECURITY_POLICY, policy.value()));
        if is_known {
            return response.finish();
        }
        response.content_type(HTML_IN_UTF_8).body(bytes)
    }
}

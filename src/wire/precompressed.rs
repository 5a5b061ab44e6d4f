//! Documents that do not change while the process lives, compressed ahead of time.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CONTENT_ENCODING, ETAG, EntityTag, HeaderValue, VARY},
    web::Bytes,
};

use super::{conditional::is_known, encoding::accepts_gzip, tag_of_bytes};

const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("accept-encoding");

/// A document that does not change while the process lives, plain and compressed by gzip, each form with an entity tag
/// of its own (RFC 9110 §8.8.3.3).
pub struct Precompressed {
    media_type: HeaderValue,
    plain: Representation,
    packed: Representation,
}

/// Bytes that never change, and the entity tag made of them.
struct Representation {
    bytes: Bytes,
    tag: EntityTag,
}

impl Representation {
    fn of(bytes: Bytes) -> Self {
        Self { tag: tag_of_bytes(&[&bytes]), bytes }
    }
}

impl Precompressed {
    /// A document of this media type: `plain` are its bytes, `packed` the same compressed by gzip, which is not
    /// checked.
    #[must_use]
    pub fn new(media_type: HeaderValue, plain: Bytes, packed: Bytes) -> Self {
        Self { media_type, plain: Representation::of(plain), packed: Representation::of(packed) }
    }

    /// The entity tag of the plain form: a digest of its bytes.
    #[must_use]
    pub fn tag(&self) -> &EntityTag {
        &self.plain.tag
    }

    /// The response with the document: compressed for a client that accepts it (`Accept-Encoding`), 304 for one that
    /// has it (`If-None-Match`). The bytes are not copied.
    #[must_use]
    pub fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let is_packed = accepts_gzip(request.headers());
        let form = if is_packed { &self.packed } else { &self.plain };
        let is_known = is_known(request, &form.tag);
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response.insert_header((ETAG, form.tag.clone())).insert_header((VARY, ACCEPT_ENCODING));
        if is_known {
            return response.finish();
        }
        if is_packed {
            response.insert_header((CONTENT_ENCODING, GZIP));
        }
        response.content_type(self.media_type.clone()).body(form.bytes.clone())
    }
}

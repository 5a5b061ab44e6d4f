//! The writing of a response's head, and how a client finds the end of its body (RFC 9112 §6).

use actix_http::ResponseHead;
use actix_web::{
    body::BodySize,
    http::{
        StatusCode, Version,
        header::{self, HeaderName},
    },
};

use super::clock::write_date;

/// The headers that frame a message; they are written here and nowhere else.
const OURS: [HeaderName; 3] = [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];

/// The way in which a client finds the end of a response's body (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body and no length: 1xx, 204 and 304.
    None,
    /// A body of so many bytes, which `Content-Length` names.
    Length(u64),
    /// A body in chunks, whose length is not known beforehand (`Transfer-Encoding: chunked`).
    Chunked,
    /// A body of unknown length that ends with the connection: a client of HTTP/1.0 knows no chunks.
    Closed,
}

impl Framing {
    /// The framing of a response with this status and body size, to a client that speaks `version`.
    pub fn of(status: StatusCode, size: BodySize, version: Version) -> Self {
        if status.is_informational() || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status) {
            return Self::None;
        }
        match size {
            BodySize::None => Self::Length(0),
            BodySize::Sized(length) => Self::Length(length),
            BodySize::Stream if version == Version::HTTP_10 => Self::Closed,
            BodySize::Stream => Self::Chunked,
        }
    }
}

/// Appends the head of a response to `head`, the bytes to be sent: status line, headers and the empty line.
/// `Content-Length` and `Transfer-Encoding` come from `framing`, and `Connection` from `closes` (whether no other
/// response follows on this connection); what the handler set of these three is left out. `version` is the client's: to
/// HTTP/1.0 the status line says so, and that a connection stays open.
pub fn write_head(head: &mut Vec<u8>, response: &ResponseHead, version: Version, framing: Framing, closes: bool) {
    let is_old = version == Version::HTTP_10;
    head.extend_from_slice(if is_old { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    head.extend_from_slice(response.status.as_str().as_bytes());
    head.push(b' ');
    head.extend_from_slice(response.reason().as_bytes());
    head.extend_from_slice(b"\r\n");
    match framing {
        Framing::Length(length) => write_line(head, b"content-length", length.to_string().as_bytes()),
        Framing::Chunked => write_line(head, b"transfer-encoding", b"chunked"),
        Framing::None | Framing::Closed => {}
    }
    if closes {
        write_line(head, b"connection", b"close");
    } else if is_old {
        write_line(head, b"connection", b"keep-alive");
    }
    for (name, value) in response.headers.iter().filter(|(name, _)| !OURS.contains(name)) {
        write_line(head, name.as_str().as_bytes(), value.as_bytes());
    }
    if !response.headers.contains_key(header::DATE) {
        write_date(head);
    }
    head.extend_from_slice(b"\r\n");
}

fn write_line(head: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    head.extend_from_slice(name);
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use actix_web::{
        HttpResponse,
        body::BodySize,
        http::{StatusCode, Version, header},
    };

    use super::{Framing, write_head};

    #[test]
    fn an_answer_is_framed_as_its_status_and_the_clients_version_allow() {
        let of =
            |status: u16, size, version| Framing::of(StatusCode::from_u16(status).expect("a status"), size, version);
        let (new, old) = (Version::HTTP_11, Version::HTTP_10);
        assert_eq!(of(200, BodySize::Sized(3), old), Framing::Length(3));
        assert_eq!(of(200, BodySize::None, new), Framing::Length(0));
        assert_eq!(of(200, BodySize::Stream, new), Framing::Chunked);
        assert_eq!(of(200, BodySize::Stream, old), Framing::Closed);
        assert_eq!(of(204, BodySize::Stream, new), Framing::None);
        assert_eq!(of(304, BodySize::Sized(3), new), Framing::None);
    }

    #[test]
    fn nothing_but_the_framing_itself_says_how_an_answer_is_framed() {
        let mut response = HttpResponse::Ok();
        response.insert_header((header::CONTENT_LENGTH, "7")).insert_header((header::CONNECTION, "upgrade"));
        response.insert_header((header::TRANSFER_ENCODING, "gzip")).insert_header((header::DATE, "today"));
        let response = actix_http::Response::from(response.finish());
        let mut head = Vec::new();
        write_head(&mut head, response.head(), Version::HTTP_11, Framing::Chunked, false);
        let head = String::from_utf8(head).expect("text");
        assert_eq!(head, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ndate: today\r\n\r\n");
    }
}

//! Just enough HTTP/1.1 for a server that we know: requests made once, answers read by `Content-Length`.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// No answer of a server that is well takes this long; it only ends a run that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request as it is sent. A body is JSON.
pub fn request(method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Vec<u8> {
    request_with(method, path, token, &[], body)
}

/// The same with headers besides.
pub fn request_with(
    method: &str,
    path: &str,
    token: Option<&str>,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: kennel.example\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(token) = token {
        head.push_str(&format!("Authorization: Bearer {token}\r\n"));
    }
    let body = body.map(Value::to_string).unwrap_or_default();
    if !body.is_empty() {
        head.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
    }
    format!("{head}\r\n{body}").into_bytes()
}

/// What the head of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    /// Bytes of the head, with the empty line.
    pub size: usize,
    /// Bytes of the body.
    pub body: usize,
}

impl Head {
    /// None as long as it is not all there. What is no HTTP has the status 0.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let size = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let status = std::str::from_utf8(&bytes[9..12]).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0);
        let mut lines = bytes[..size].split(|byte| *byte == b'\n');
        let body = lines.find_map(content_length).unwrap_or(0);
        Some(Self { status, size, body })
    }

    /// Bytes of the whole answer.
    pub fn whole(self) -> usize {
        self.size + self.body
    }
}

fn content_length(line: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let (name, value) = line.split_at_checked(NAME.len())?;
    if !name.eq_ignore_ascii_case(NAME) {
        return None;
    }
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// An answer that is all there.
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// A connection on which one request follows the other.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Result<Self> {
        Self::open_with_patience(address, PATIENCE)
    }

    /// The same; no step of a request may take longer than `patience`.
    pub fn open_with_patience(address: SocketAddr, patience: Duration) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024) })
    }

    pub fn send(&mut self, request: &[u8]) -> Result<Answer> {
        self.write(request)?;
        self.read()
    }

    /// Sends a request, whose answer is to be read.
    pub fn write(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(request)?)
    }

    pub fn read(&mut self) -> Result<Answer> {
        self.buffer.clear();
        let mut piece = [0; 16 * 1024];
        loop {
            if let Some(head) = Head::of(&self.buffer).filter(|head| self.buffer.len() >= head.whole()) {
                let text = String::from_utf8_lossy(&self.buffer[..head.size]).into_owned();
                return Ok(Answer { status: head.status, head: text, body: self.buffer[head.size..].to_vec() });
            }
            match self.stream.read(&mut piece) {
                Ok(0) => return Err("the server hung up".into()),
                Ok(size) => self.buffer.extend_from_slice(&piece[..size]),
                // A child of ours has ended, and Linux does not go on by itself where there is a time-out.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The JSON of an answer that must have this status.
    pub fn ask(&mut self, request: &[u8], status: u16) -> Result<Value> {
        let answer = self.send(request)?;
        if answer.status != status {
            let line = String::from_utf8_lossy(request).lines().next().unwrap_or_default().to_owned();
            return Err(format!("{line}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)).into());
        }
        if answer.body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&answer.body)?) }
    }
}

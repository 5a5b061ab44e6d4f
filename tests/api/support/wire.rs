//! Requests that no HTTP library would send: bytes straight into a socket, and what comes back read with as
//! little cleverness as possible.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use ureq::http::{HeaderMap, HeaderName, HeaderValue};

use super::client::{Client, PATIENCE};
use super::{Answer, contract};

/// A connection to the server, for tests that send a request piece by piece.
pub struct Wire<'a> {
    client: &'a Client,
    stream: TcpStream,
    /// The requests whose answers have not come yet.
    asked: VecDeque<(String, String)>,
    received: Vec<u8>,
}

/// Sends the bytes on a connection of their own and reads the first answer.
pub fn exchange(client: &Client, bytes: &[u8]) -> Answer {
    let mut wire = Wire::open(client);
    wire.send(bytes);
    wire.answer()
}

impl<'a> Wire<'a> {
    pub fn open(client: &'a Client) -> Self {
        let stream = TcpStream::connect(client.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        Self { client, stream, asked: VecDeque::new(), received: Vec::new() }
    }

    /// Sends bytes. The server may have answered and hung up already; the answer will tell.
    pub fn send(&mut self, bytes: &[u8]) {
        let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
        if self.asked.is_empty() || position(line, b" HTTP/").is_some() {
            self.asked.push_back(asked(line));
        }
        let _the_server_may_have_hung_up = self.stream.write_all(bytes);
    }

    /// Says that nothing more will be sent.
    pub fn finish(&self) {
        let _the_server_may_have_hung_up = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads one answer, held to the contract.
    pub fn answer(&mut self) -> Answer {
        self.try_answer().unwrap_or_else(|| panic!("no answer to {:?}", self.asked))
    }

    /// Whether the server hangs up, without another byte.
    pub fn is_over(&mut self) -> bool {
        self.read_until(|bytes| (!bytes.is_empty()).then_some(0)).is_none()
    }

    /// Sends bytes again and again; how many, when the server has had enough of them.
    pub fn send_without_end(&mut self, bytes: &[u8]) -> usize {
        let mut count = 0;
        while let Ok(()) = self.stream.write_all(bytes) {
            count += bytes.len();
        }
        count
    }

    /// Reads one answer; none if the server hung up without one.
    pub fn try_answer(&mut self) -> Option<Answer> {
        let head_ends = self.read_until(|bytes| position(bytes, b"\r\n\r\n").map(|at| at + 4))?;
        let head: Vec<u8> = self.received.drain(..head_ends).collect();
        let (status, headers) = parse_head(&head);
        let length = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        let is_chunked = headers.contains_key("transfer-encoding");
        let (method, path) = self.asked.pop_front().unwrap_or_default();
        let body = if method == "HEAD" || status < 200 || [204, 304].contains(&status) {
            Vec::new()
        } else if is_chunked {
            self.read_chunks()?
        } else if length.is_none() {
            let _end = self.read_until(|_| None);
            std::mem::take(&mut self.received)
        } else {
            let length = length.unwrap_or(0);
            let _there = self.read_until(|bytes| (bytes.len() >= length).then_some(length))?;
            self.received.drain(..length).collect()
        };
        let answer = Answer::new(&method, &path, status, headers, body);
        if status >= 200 {
            contract::hold(self.client.engine, &answer);
        } else {
            // The answer proper is still to come.
            self.asked.push_front((method, path));
        }
        Some(answer)
    }

    /// Waits until the server has begun to answer, and reads nothing of it.
    pub fn until_there_is_something(&self) {
        let peeked = self.stream.peek(&mut [0]);
        assert!(peeked.is_ok_and(|count| count > 0), "the server has answered");
    }

    /// Everything that comes, as it comes, until `is_all` of it has, or the server hangs up.
    pub fn rest(mut self, is_all: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let mut buffer = [0; 16 * 1024];
        while !is_all(&self.received) {
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
            }
        }
        self.received
    }

    fn read_chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line_ends = self.read_until(|bytes| position(bytes, b"\r\n"))?;
            let line: Vec<u8> = self.received.drain(..line_ends + 2).collect();
            let size = usize::from_str_radix(std::str::from_utf8(&line).ok()?.trim(), 16).ok()?;
            let _there = self.read_until(|bytes| (bytes.len() >= size + 2).then_some(size))?;
            body.extend(self.received.drain(..size + 2).take(size));
            if size == 0 {
                return Some(body);
            }
        }
    }

    /// Reads on until `enough` says how much is enough; none when the connection ends before.
    fn read_until(&mut self, enough: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(found) = enough(&self.received) {
                return Some(found);
            }
            match self.stream.read(&mut buffer) {
                Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {
                    panic!("the server neither answers {:?} nor hangs up", self.asked)
                }
                Ok(0) | Err(_) => return None,
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
            }
        }
    }
}

fn position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// Method and path of a request line, as far as it is one.
fn asked(line: &[u8]) -> (String, String) {
    let line = String::from_utf8_lossy(line).into_owned();
    let mut words = line.split(' ').map(str::to_owned);
    (words.next().unwrap_or_default(), words.next().unwrap_or_default())
}

fn parse_head(head: &[u8]) -> (u16, HeaderMap) {
    let head = String::from_utf8_lossy(head).into_owned();
    let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
    let status_line = lines.next().unwrap_or_default();
    let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("a strange status line: {status_line:?}"));
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("a strange header: {line:?}"));
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap_or_else(|_| panic!("a strange header: {line:?}"));
        let value = HeaderValue::from_str(value.trim()).unwrap_or_else(|_| panic!("a strange header: {line:?}"));
        headers.append(name, value);
    }
    (status, headers)
}

//! A stream of server-sent events (WHATWG HTML §9.2), read as it comes, with as little cleverness as possible.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::client::PATIENCE;
use super::{Actor, client::Client};

pub struct EventStream {
    stream: BufReader<TcpStream>,
    /// What of the stream has come and was not read.
    text: String,
    /// The lines of the head, in small letters.
    pub head: Vec<String>,
    /// The comments so far.
    pub comments: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: Option<i64>,
    pub kind: String,
    pub data: Value,
}

impl EventStream {
    /// Asks for the changes as a stream, with this query and these headers (`Name: value`, each).
    pub fn open(client: &Client, actor: &Actor<'_>, query: &str, headers: &[&str]) -> Self {
        let mut stream = TcpStream::connect(client.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        let more: String = headers.iter().flat_map(|header| [header, "\r\n"]).collect();
        let request = format!(
            "GET /dogowner/changes{query} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Accept: text/event-stream\r\n{more}\r\n",
            client.address,
            actor.token()
        );
        stream.write_all(request.as_bytes()).expect("the server reads");
        let mut opened = Self { stream: BufReader::new(stream), text: String::new(), head: Vec::new(), comments: 0 };
        loop {
            let line = opened.line();
            if line.is_empty() {
                return opened;
            }
            opened.head.push(line.to_ascii_lowercase());
        }
    }

    /// The next event; none, when the server has ended the stream.
    pub fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(event) = self.event(&block) {
                    return Some(event);
                }
            }
            let size = usize::from_str_radix(&self.line(), 16).expect("the size of a chunk");
            let mut chunk = vec![0; size + 2];
            self.stream.read_exact(&mut chunk).expect("a chunk");
            if size == 0 {
                assert_eq!(self.text, "", "the stream ends with a whole event");
                return None;
            }
            self.text.push_str(std::str::from_utf8(&chunk[..size]).expect("whole characters"));
        }
    }

    /// The numbers of the next changes, so many of them.
    pub fn seqs(&mut self, count: usize) -> Vec<i64> {
        let mut seqs = Vec::new();
        while seqs.len() < count {
            let event = self.next().expect("there are more");
            assert_eq!((event.kind.as_str(), event.id), ("change", event.data["seq"].as_i64()), "{event:?}");
            seqs.extend(event.id);
        }
        seqs
    }

    /// Reads so many bytes of what comes, as a client whose connection is cut then, and tells the numbers of the changes
    /// that came whole: fewer, if one of them is `last`, or the server is gone.
    pub fn cut_after(mut self, bytes: usize, last: i64) -> Vec<i64> {
        let mut raw = Vec::new();
        let mut byte = [0];
        let mut seqs = Vec::new();
        while raw.len() < bytes && seqs.last() != Some(&last) && self.stream.read(&mut byte).is_ok_and(|read| read == 1)
        {
            raw.extend(byte);
            if raw.ends_with(b"\n\n") {
                seqs = whole_seqs(&raw);
            }
        }
        seqs
    }

    /// The reason for which the server ends the stream, which is the next event and the last.
    pub fn end(mut self) -> String {
        let event = self.next().expect("the last event");
        assert_eq!((event.kind.as_str(), event.id), ("end", None), "{event:?}");
        assert_eq!(self.next(), None);
        event.data["reason"].as_str().expect("a reason").to_owned()
    }

    fn event(&mut self, block: &str) -> Option<Event> {
        let mut event = Event { id: None, kind: "message".to_owned(), data: Value::Null };
        for line in block.lines() {
            match line.split_once(": ") {
                Some(("id", id)) => event.id = Some(id.parse().expect("a number")),
                Some(("event", kind)) => kind.clone_into(&mut event.kind),
                Some(("data", data)) => event.data = serde_json::from_str(data).expect("JSON"),
                Some(("retry", pause)) => assert_eq!(pause, "2000"),
                _ => {
                    assert_eq!(line, ":", "what is no field is a comment");
                    self.comments += 1;
                }
            }
        }
        (event.data != Value::Null).then_some(event)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let _count = self.stream.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }
}

/// The numbers of the changes of which these bytes have the whole events.
fn whole_seqs(mut raw: &[u8]) -> Vec<i64> {
    let mut text = Vec::new();
    while let Some(end) = raw.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&raw[..end]).expect("ASCII");
        let size = usize::from_str_radix(size, 16).expect("the size of a chunk");
        let rest = &raw[end + 2..];
        text.extend(&rest[..size.min(rest.len())]);
        raw = rest.get(size + 2..).unwrap_or_default();
    }
    let text = String::from_utf8_lossy(&text);
    let blocks = text.split_inclusive("\n\n").filter(|block| block.ends_with("\n\n"));
    blocks.filter_map(|block| block.strip_prefix("id: ")?.split('\n').next()?.parse().ok()).collect()
}

//! A mail server of the tests' own, for all the ways in which one can be unwell: it dies within a mail, refuses, or
//! says nothing any more. Well, it takes every mail; so it also stands in where no real one is installed.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use super::letter::{Envelope, Sealed};
use super::watched::Watched;

/// What it does instead of what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Says this instead of yes.
    Says(&'static str),
    /// Closes the connection.
    HangsUp,
    /// Nothing, until it does something else.
    Waits,
}

/// How it feels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Well,
    /// Unwell when it should answer this: `HELLO` (a new connection), `EHLO`, `AUTH`, `MAIL`, `RCPT`, `DATA`, or `.`
    /// (all of a mail).
    At(&'static str, Does),
    /// It closes the connection after so many bytes of a mail.
    DiesAfter(usize),
}

pub struct Unwell {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    inside: Watched<Inside>,
}

struct Inside {
    mood: Mood,
    /// How often the mood has made a difference.
    met: usize,
    open: Vec<TcpStream>,
    is_over: bool,
}

impl Unwell {
    /// Begins to listen. Each mail that it takes can be received.
    pub fn listen(address: SocketAddr, mood: Mood) -> (Self, Receiver<Sealed>) {
        let listener = TcpListener::bind(address).expect("the address is free");
        let address = listener.local_addr().expect("it listens");
        let inside = Inside { mood, met: 0, open: Vec::new(), is_over: false };
        let state = Arc::new(State { inside: Watched::new(inside) });
        let (letters, taken) = mpsc::channel();
        let here = Arc::clone(&state);
        let _it_ends_with_the_listener = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if !here.take_in(&stream) {
                    break;
                }
                let (here, letters) = (Arc::clone(&here), letters.clone());
                let _it_ends_with_the_connection = thread::spawn(move || {
                    let _whoever_mails_may_hang_up = here.serve(&stream, &letters);
                    let _it_may_be_closed = stream.shutdown(Shutdown::Both);
                });
            }
        });
        (Self { address, state }, taken)
    }

    /// Changes its mood. Who waits for an answer finds the connection closed.
    pub fn feel(&self, mood: Mood) {
        self.state.inside.lock().mood = mood;
        self.state.inside.tell();
    }

    /// Blocks until its mood has made a difference so often.
    pub fn until_met(&self, times: usize) {
        let inside = self.state.inside.wait_while(self.state.inside.lock(), |inside| inside.met < times);
        assert!(inside.met >= times, "it was met {} times, and not {times}", inside.met);
    }

    pub fn met(&self) -> usize {
        self.state.inside.lock().met
    }
}

impl Drop for Unwell {
    fn drop(&mut self) {
        let mut inside = self.state.inside.lock();
        inside.is_over = true;
        for stream in inside.open.drain(..) {
            let _it_may_be_closed = stream.shutdown(Shutdown::Both);
        }
        drop(inside);
        self.state.inside.tell();
        // So that the listener looks up.
        drop(TcpStream::connect(self.address));
    }
}

impl State {
    fn mood(&self) -> Mood {
        self.inside.lock().mood
    }

    fn take_in(&self, stream: &TcpStream) -> bool {
        let mut inside = self.inside.lock();
        inside.open.extend(stream.try_clone());
        !inside.is_over
    }

    /// Tells that the mood makes a difference.
    fn meet(&self) {
        self.inside.lock().met += 1;
        self.inside.tell();
    }

    /// Answers, unless the mood is against it; whether the connection goes on.
    fn answer(&self, mut stream: &TcpStream, to: &str, yes: &str) -> std::io::Result<bool> {
        let mood = self.mood();
        let reply = match mood {
            Mood::At(when, does) if when == to => {
                self.meet();
                match does {
                    Does::Says(reply) => reply,
                    Does::HangsUp => return Ok(false),
                    Does::Waits => {
                        drop(
                            self.inside.wait_while(self.inside.lock(), |inside| inside.mood == mood && !inside.is_over),
                        );
                        return Ok(false);
                    }
                }
            }
            _ => yes,
        };
        stream.write_all(format!("{reply}\r\n").as_bytes())?;
        Ok(reply.starts_with(['2', '3']) || !to.is_empty())
    }

    fn serve(&self, stream: &TcpStream, letters: &Sender<Sealed>) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream);
        let (mut envelope, mut greeting) = (Envelope::default(), String::new());
        let mut goes_on = self.answer(stream, "HELLO", "220 tests ESMTP")?;
        while goes_on {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let verb = line.trim().split(' ').next().unwrap_or_default().to_ascii_uppercase();
            let address = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            goes_on = match verb.as_str() {
                "MAIL" => {
                    envelope = Envelope { sender: address(), greeting: greeting.clone(), ..Envelope::default() };
                    self.answer(stream, "MAIL", "250 OK")?
                }
                "RCPT" => {
                    envelope.recipients.push(address());
                    self.answer(stream, "RCPT", "250 OK")?
                }
                "DATA" => {
                    let begins = self.answer(stream, "DATA", "354 go on")?;
                    let refuses = matches!(self.mood(), Mood::At("DATA", _));
                    begins && (refuses || self.take(&mut lines, &envelope, letters)?)
                }
                "QUIT" => {
                    self.answer(stream, "QUIT", "221 bye")?;
                    false
                }
                "EHLO" | "HELO" => {
                    line.split_whitespace().nth(1).unwrap_or_default().clone_into(&mut greeting);
                    self.answer(stream, "EHLO", "250-tests\r\n250 AUTH PLAIN")?
                }
                "AUTH" => self.answer(stream, "AUTH", "235 OK")?,
                _ => self.answer(stream, "", "250 OK")?,
            };
        }
        Ok(())
    }

    /// Takes a mail to its end, or as much of it as the mood allows; whether the connection goes on.
    fn take(
        &self,
        lines: &mut BufReader<&TcpStream>,
        envelope: &Envelope,
        letters: &Sender<Sealed>,
    ) -> std::io::Result<bool> {
        let stream = *lines.get_ref();
        let mut text = String::new();
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                return Ok(false);
            }
            if line == ".\r\n" {
                break;
            }
            text.push_str(line.strip_prefix('.').unwrap_or(&line));
            if let Mood::DiesAfter(bytes) = self.mood()
                && text.len() >= bytes
            {
                break;
            }
        }
        if let Mood::DiesAfter(_) = self.mood() {
            self.meet();
            return Ok(false);
        }
        let refuses = matches!(self.mood(), Mood::At(".", Does::Says(_)));
        let goes_on = self.answer(stream, ".", "250 OK")?;
        if !refuses {
            let _nobody_may_read_it = letters.send(Sealed { envelope: envelope.clone(), text });
        }
        Ok(goes_on)
    }
}

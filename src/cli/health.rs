//! `kennel health`: asks the running server whether it is ready, as Docker's `HEALTHCHECK` wants it. Neither a secret
//! nor the database is needed for that.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

use actix_web::http::Uri;
use clap::{Arg, ArgMatches, Command};

use crate::{app::StartError, config};

const URL: &str = "url";
/// The longest time for the whole answer: more than the 3 seconds in which a server whose database hangs says so.
const PATIENCE: Duration = Duration::from_secs(5);
/// The bytes of a response that are read at most to find its status.
const STATUS_LINE: usize = 512;

/// The definition of `kennel health`, for clap.
pub fn command() -> Command {
    let help = "The server to ask, such as http://10.0.0.11:8000 (default: the one that HOST and PORT name)";
    Command::new("health")
        .about("Ask the running server whether it is ready; ends with 0 if it is, and with 1 if not")
        .arg(Arg::new(URL).long(URL).value_name("URL").help(help))
}

/// Asks the server for `GET /health/ready`, for 5 seconds at most, and prints a line if it is ready.
///
/// # Errors
/// [`StartError::Run`], when the server is not ready or does not answer, or `--url` is no URL of a server;
/// [`StartError::Config`], when `HOST` or `PORT` cannot be used.
pub fn run(matches: &ArgMatches) -> Result<(), StartError> {
    let server = match matches.get_one::<String>(URL) {
        Some(url) => named(url)?,
        None => configured()?,
    };
    let failed = |why: String| StartError::Run(format!("http://{server} is not ready: {why}"));
    let status = status_of(&server).map_err(|error| failed(in_words(&error)))?;
    if status != "200" {
        return Err(failed(format!("it answers {status}")));
    }
    println!("http://{server} is ready");
    Ok(())
}

/// The host and port of a URL.
fn named(url: &str) -> Result<String, StartError> {
    let refused = || StartError::Run("--url takes http://HOST:PORT, the server's own address".to_owned());
    let uri: Uri = url.parse().map_err(|_| refused())?;
    let host = uri.host().filter(|_| uri.scheme_str() == Some("http") && uri.path() == "/").ok_or_else(refused)?;
    Ok(format!("{host}:{}", uri.port_u16().unwrap_or(80)))
}

/// The host and port of the configuration; this machine's own address for a server that listens on all.
fn configured() -> Result<String, StartError> {
    let (host, port) = config::address().map_err(StartError::Config)?;
    if port == 0 {
        return Err(StartError::Run("PORT is 0, so the port is not known: name the server by --url".to_owned()));
    }
    let host = match host.parse() {
        Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => Ipv4Addr::LOCALHOST.to_string(),
        Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => Ipv6Addr::LOCALHOST.to_string(),
        _ => host,
    };
    Ok(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

/// The status of the server's answer, such as `200`.
fn status_of(server: &str) -> io::Result<String> {
    let end = Instant::now() + PATIENCE;
    let left = || Some(end - Instant::now()).filter(|left| !left.is_zero()).ok_or(io::ErrorKind::TimedOut);
    let mut stream = Err(io::Error::other("there is no such address"));
    for address in server.to_socket_addrs()? {
        stream = TcpStream::connect_timeout(&address, left()?);
        if stream.is_ok() {
            break;
        }
    }
    let mut stream = stream?;
    stream.set_write_timeout(Some(left()?))?;
    let request = format!("GET /health/ready HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    while head.len() < STATUS_LINE && !head.contains(&b'\n') {
        let mut bytes = [0; STATUS_LINE];
        stream.set_read_timeout(Some(left()?))?;
        let count = stream.read(&mut bytes)?;
        if count == 0 {
            break;
        }
        head.extend_from_slice(bytes.get(..count).unwrap_or_default());
    }
    let head = String::from_utf8_lossy(&head);
    let line = head.split_once("\r\n").and_then(|(line, _)| line.strip_prefix("HTTP/1.1 "));
    let status = line.and_then(|line| line.get(..3));
    let status = status.filter(|status| status.bytes().all(|byte| byte.is_ascii_digit()));
    status.map(str::to_owned).ok_or_else(|| io::Error::other("that is no answer of Kennel"))
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            format!("it does not answer within {} seconds", PATIENCE.as_secs())
        }
        _ => error.to_string(),
    }
}

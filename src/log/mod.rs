//! Log lines, to standard error or a file: one for each event, as text or as a JSON object (`line`). A thread of its own
//! writes them (`queue`), so that no request waits for the log's reader.
//!
//! # Why there are no spans
//!
//! The id of a request and the address that it came from are to be in each line that is written on its behalf. The usual
//! means is a span, and `tracing-subscriber` keeps the fields of one as text from its beginning on, for each request and
//! whether or not a line comes of it. Here the task that serves a request has them as they are ([`scope`]), and they
//! become text in a line.

mod line;
mod queue;

use std::{
    fmt::Display,
    fs::OpenOptions,
    future::Future,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tracing_subscriber::EnvFilter;

use self::{
    line::LineFormat,
    queue::{LineQueue, Sink},
};

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// The lines that wait to be written.
static QUEUE: LineQueue = LineQueue::new();

tokio::task_local! {
    static CAUSE: Cause;
}

/// The cause of what a task does, for the lines that it writes.
pub struct Cause {
    /// The id of the request; `None` for a command.
    pub request_id: Option<String>,
    /// The address that the request came from, or what stands for it.
    pub source: Box<dyn Display>,
}

/// Runs `work`, with the cause of it in each line that it writes, unless that has such fields itself. The lines of tasks
/// that it spawns have none.
pub fn scope<F: Future>(cause: Cause, work: F) -> impl Future<Output = F::Output> {
    CAUSE.scope(cause, work)
}

/// Begins to log events and panics: to standard error, or to a file that lines are appended to, made for its owner only
/// if there is none.
///
/// # Errors
/// The file cannot be opened, or the system has no thread to write the lines.
pub fn start(filter: &str, format: LogFormat, file: Option<PathBuf>) -> io::Result<()> {
    QUEUE.start(move || open(file.as_deref()), format)?;
    // actix calls it an error when a client sends no HTTP.
    let filter = format!("actix_http::h1=off,{filter}");
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(|| &QUEUE)
        // When the log has no reader any more, there is nowhere to say so, and trying to would panic.
        .log_internal_errors(false)
        .with_ansi(false)
        .event_format(LineFormat(format))
        .init();
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a thread panicked")));
    Ok(())
}

fn open(file: Option<&Path>) -> io::Result<Sink> {
    Ok(match file {
        Some(path) => Box::new(OpenOptions::new().append(true).create(true).mode(0o600).open(path)?),
        None => Box::new(io::stderr()),
    })
}

/// Opens the file of the log again, before the next line: the one that was there may have been moved away.
pub fn reopen() {
    QUEUE.reopen();
}

/// Waits until every line is written, but no longer than `longest`: its reader may have stalled.
pub fn flush(longest: Duration) {
    QUEUE.flush(longest);
}

/// The number of lines, since the start, that were lost: they did not fit into the queue, or could not be written.
#[must_use]
pub fn lost_lines() -> u64 {
    QUEUE.lost()
}

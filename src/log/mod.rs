//! Log lines, to standard error or a file: one for each event, as text or as a JSON object. Every field of every line goes
//! through `Field`, so that none is long and none has a control character, whatever a caller put into it. A thread of its
//! own writes the lines (`queue`), so that no request waits for the log's reader.
//!
//! # Why there are no spans
//!
//! The id of a request and the address that it came from are to be in each line that is written on its behalf. The usual
//! means is a span, and `tracing-subscriber` keeps the fields of one as text from its beginning on, for each request and
//! whether or not a line comes of it. Here the task that serves a request has them as they are ([`scope`]), and they
//! become text in a line.

mod queue;

use std::{
    cell::RefCell,
    fmt::{self, Display, Write},
    fs::OpenOptions,
    future::Future,
    io, mem,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, Utc};
use tracing::{
    Event, Level, Subscriber,
    field::{Field as Name, Visit},
};
use tracing_subscriber::{
    EnvFilter,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use self::queue::{LineQueue, Sink};

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// The most bytes of a field, before its control characters are written out; a longer one ends with `…`.
const LONGEST_FIELD: usize = 512;

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

/// The line that says how many were lost before it.
fn lines_were_lost(format: LogFormat, lines: u64) -> String {
    let mut text = String::new();
    let mut line = Writer::new(&mut text);
    let message = "lines of the log were lost, as they could not be written in time";
    let written = begin(format, &mut line, Level::WARN, module_path!()).and_then(|()| match format {
        LogFormat::Json => writeln!(line, ",\"message\":\"{message}\",\"lines\":{lines}}}"),
        LogFormat::Text => writeln!(line, " {message} lines={lines}"),
    });
    // A text takes whatever is written.
    written.map(|()| text).unwrap_or_default()
}

/// The formatter of lines.
#[derive(Clone, Copy)]
struct LineFormat(LogFormat);

impl<S, N> FormatEvent<S, N> for LineFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        begin(self.0, &mut line, *metadata.level(), metadata.target())?;
        let mut fields = FieldVisitor::new(self.0, &mut line);
        event.record(&mut fields);
        // Outside of a request there is no cause to tell.
        let _told_or_none = CAUSE.try_with(|cause| {
            let is_own = |name| metadata.fields().field(name).is_some();
            if let Some(id) = cause.request_id.as_deref().filter(|_| !is_own("request_id")) {
                fields.text("request_id", id);
            }
            if !is_own("source") {
                fields.display("source", format_args!("{}", cause.source));
            }
        });
        fields.result?;
        line.write_str(if self.0 == LogFormat::Json { "}\n" } else { "\n" })
    }
}

thread_local! {
    /// The second in which this thread wrote its last line, and its text. A busy thread writes many in the same one.
    static SECOND: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

/// Writes the time as RFC 3339 has it, in UTC and with microseconds.
fn write_time(line: &mut Writer<'_>) -> fmt::Result {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let written = SECOND.try_with(|second| {
        let (second, text) = &mut *second.borrow_mut();
        if text.is_empty() || *second != now.as_secs() {
            *second = now.as_secs();
            text.clear();
            let time = DateTime::<Utc>::from(UNIX_EPOCH + now);
            write!(text, "{}", time.format("%Y-%m-%dT%H:%M:%S."))?;
        }
        line.write_str(text)
    });
    // A thread that is about to end has no text any more.
    written.unwrap_or(Err(fmt::Error))?;
    let mut micros = now.subsec_micros();
    let mut digits = ['0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = char::from(b'0' + u8::try_from(micros % 10).unwrap_or_default());
        micros /= 10;
    }
    digits.into_iter().try_for_each(|digit| line.write_char(digit))?;
    line.write_char('Z')
}

/// Writes the time, the level and the target.
fn begin(format: LogFormat, line: &mut Writer<'_>, level: Level, target: &str) -> fmt::Result {
    match format {
        LogFormat::Text => {
            write_time(line)?;
            line.write_str(match level {
                Level::ERROR => " ERROR ",
                Level::WARN => "  WARN ",
                Level::INFO => "  INFO ",
                Level::DEBUG => " DEBUG ",
                Level::TRACE => " TRACE ",
            })?;
            line.write_str(target)?;
            line.write_char(':')
        }
        LogFormat::Json => {
            line.write_str("{\"timestamp\":\"")?;
            write_time(line)?;
            write!(line, "\",\"level\":\"{level}\",\"target\":\"{target}\"")
        }
    }
}

/// A visitor that writes the fields of an event as they come.
struct FieldVisitor<'a, 'b> {
    format: LogFormat,
    line: &'a mut Writer<'b>,
    field: Field,
    result: fmt::Result,
}

impl<'a, 'b> FieldVisitor<'a, 'b> {
    fn new(format: LogFormat, line: &'a mut Writer<'b>) -> Self {
        Self { format, line, field: Field::default(), result: Ok(()) }
    }

    /// Writes a field whose text has yet to be made.
    fn display(&mut self, name: &str, value: fmt::Arguments<'_>) {
        let mut field = mem::take(&mut self.field);
        field.set(value);
        let written = self.write(name, &field.text);
        self.field = field;
        self.result = self.result.and(written);
    }

    fn text(&mut self, name: &str, text: &str) {
        if text.len() > LONGEST_FIELD {
            return self.display(name, format_args!("{text}"));
        }
        let written = self.write(name, text);
        self.result = self.result.and(written);
    }

    /// Writes a field that is short enough.
    fn write(&mut self, name: &str, text: &str) -> fmt::Result {
        let is_message = self.format == LogFormat::Text && name == "message";
        if is_message {
            self.line.write_char(' ')?;
            return write_escaped(self.line, text, false);
        }
        self.begin(name)?;
        if self.format == LogFormat::Text && is_plain(text) {
            return self.line.write_str(text);
        }
        self.line.write_char('"')?;
        write_escaped(self.line, text, true)?;
        self.line.write_char('"')
    }

    /// Writes the name of a field, and what stands before and behind it.
    fn begin(&mut self, name: &str) -> fmt::Result {
        let (before, behind) = if self.format == LogFormat::Json { (",\"", "\":") } else { (" ", "=") };
        self.line.write_str(before)?;
        self.line.write_str(name)?;
        self.line.write_str(behind)
    }

    fn literal(&mut self, name: &str, value: &dyn Display) {
        let written = self.begin(name).and_then(|()| write!(self.line, "{value}"));
        self.result = self.result.and(written);
    }
}

impl Visit for FieldVisitor<'_, '_> {
    fn record_debug(&mut self, name: &Name, value: &dyn fmt::Debug) {
        self.display(name.name(), format_args!("{value:?}"));
    }

    fn record_str(&mut self, name: &Name, value: &str) {
        self.text(name.name(), value);
    }

    fn record_i64(&mut self, name: &Name, value: i64) {
        self.literal(name.name(), &value);
    }

    fn record_u64(&mut self, name: &Name, value: u64) {
        self.literal(name.name(), &value);
    }

    fn record_bool(&mut self, name: &Name, value: bool) {
        self.literal(name.name(), &value);
    }
}

/// Whether a reader sees where a field ends without quotes.
fn is_plain(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'=' | b'\\');
    !text.is_empty() && text.bytes().all(is_plain)
}

/// The beginning of a field's text, up to [`LONGEST_FIELD`]; a write beyond it fails.
#[derive(Default)]
struct Field {
    text: String,
}

impl Field {
    fn set(&mut self, value: fmt::Arguments<'_>) {
        self.text.clear();
        if self.write_fmt(value).is_err() {
            self.text.push('…');
        }
    }
}

impl Write for Field {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = LONGEST_FIELD - self.text.len().min(LONGEST_FIELD);
        let begin = (0..=room.min(text.len())).rev().find_map(|end| text.get(..end)).unwrap_or_default();
        self.text.push_str(begin);
        if begin.len() == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// Writes a text as it stands in a line, in quotes or not, with control characters escaped.
fn write_escaped(line: &mut Writer<'_>, text: &str, is_quoted: bool) -> fmt::Result {
    let is_clean = |byte: u8| matches!(byte, b' '..=b'~') && !(is_quoted && matches!(byte, b'"' | b'\\'));
    if text.bytes().all(is_clean) {
        return line.write_str(text);
    }
    text.chars().try_for_each(|c| match c {
        '"' | '\\' if is_quoted => write!(line, "\\{c}"),
        c if breaks_a_line(c) => write!(line, "\\u{:04x}", u32::from(c)),
        c => line.write_char(c),
    })
}

/// Whether a character ends a line, steers a terminal, or shows the rest in another order.
fn breaks_a_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

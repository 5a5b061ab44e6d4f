//! Log lines, to standard error or a file: one for each event, as text or as a JSON object. Every field of every line goes
//! through `Field`, so that none is long and none has a control character, whatever a caller put into it. The fields
//! of a span (the request's id, the address that it came from) are in each line that is written inside of it. A thread
//! of its own writes the lines (`queue`), so that no request waits for the log's reader.

mod queue;

use std::{
    fmt::{self, Write},
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field as Name, Visit},
};
use tracing_subscriber::{
    EnvFilter,
    field::RecordFields,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
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
        .fmt_fields(LineFormat(format))
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
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        begin(self.0, &mut line, *metadata.level(), metadata.target())?;
        let mut fields = FieldVisitor::new(self.0, &mut line);
        event.record(&mut fields);
        fields.result?;
        for span in context.event_scope().into_iter().flatten() {
            let extensions = span.extensions();
            let known = extensions.get::<FormattedFields<N>>().map_or("", |fields| fields.fields.as_str());
            for (name, field) in known.lines().filter_map(|field| field.split_once(' ')) {
                // A field of the event itself is written once.
                if metadata.fields().field(name).is_none() {
                    line.write_str(field)?;
                }
            }
        }
        line.write_str(if self.0 == LogFormat::Json { "}\n" } else { "\n" })
    }
}

/// Writes the time, the level and the target.
fn begin(format: LogFormat, line: &mut Writer<'_>, level: Level, target: &str) -> fmt::Result {
    match format {
        LogFormat::Text => {
            SystemTime.format_time(line)?;
            write!(line, " {level:>5} {target}:")
        }
        LogFormat::Json => {
            line.write_str("{\"timestamp\":\"")?;
            SystemTime.format_time(line)?;
            write!(line, "\",\"level\":\"{level}\",\"target\":\"{target}\"")
        }
    }
}

/// Keeps a span's fields with their names before them, a line for each, until an event is written.
impl<'writer> FormatFields<'writer> for LineFormat {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut kept = Kept { format: self.0, writer, result: Ok(()) };
        fields.record(&mut kept);
        kept.result
    }
}

struct Kept<'a> {
    format: LogFormat,
    writer: Writer<'a>,
    result: fmt::Result,
}

impl Visit for Kept<'_> {
    fn record_debug(&mut self, name: &Name, value: &dyn fmt::Debug) {
        let mut keep = || {
            write!(self.writer, "{name} ")?;
            let mut fields = FieldVisitor::new(self.format, &mut self.writer);
            fields.record_debug(name, value);
            fields.result?;
            writeln!(self.writer)
        };
        self.result = self.result.and_then(|()| keep());
    }

    fn record_str(&mut self, name: &Name, value: &str) {
        self.record_debug(name, &format_args!("{value}"));
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

    fn text(&mut self, name: &Name, value: fmt::Arguments<'_>) {
        self.field.set(value);
        let text = self.field.text.as_str();
        let written = match (self.format, name.name()) {
            (LogFormat::Json, name) => write!(self.line, ",\"{name}\":\"{}\"", Escaped { text, quoted: true }),
            (LogFormat::Text, "message") => write!(self.line, " {}", Escaped { text, quoted: false }),
            (LogFormat::Text, name) if self.field.is_plain() => write!(self.line, " {name}={text}"),
            (LogFormat::Text, name) => write!(self.line, " {name}=\"{}\"", Escaped { text, quoted: true }),
        };
        self.result = self.result.and(written);
    }

    fn literal(&mut self, name: &Name, value: &dyn fmt::Display) {
        let written = match self.format {
            LogFormat::Json => write!(self.line, ",\"{name}\":{value}"),
            LogFormat::Text => write!(self.line, " {name}={value}"),
        };
        self.result = self.result.and(written);
    }
}

impl Visit for FieldVisitor<'_, '_> {
    fn record_debug(&mut self, name: &Name, value: &dyn fmt::Debug) {
        self.text(name, format_args!("{value:?}"));
    }

    fn record_str(&mut self, name: &Name, value: &str) {
        self.text(name, format_args!("{value}"));
    }

    fn record_i64(&mut self, name: &Name, value: i64) {
        self.literal(name, &value);
    }

    fn record_u64(&mut self, name: &Name, value: u64) {
        self.literal(name, &value);
    }

    fn record_bool(&mut self, name: &Name, value: bool) {
        self.literal(name, &value);
    }
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

    /// Whether a reader sees where the field ends without quotes.
    fn is_plain(&self) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'=' | b'\\');
        !self.text.is_empty() && self.text.bytes().all(is_plain)
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

/// A text as it stands in a line, in quotes or not, with control characters escaped.
struct Escaped<'a> {
    text: &'a str,
    quoted: bool,
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.text.chars() {
            match c {
                '"' | '\\' if self.quoted => write!(f, "\\{c}")?,
                c if breaks_a_line(c) => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Whether a character ends a line, steers a terminal, or shows the rest in another order.
fn breaks_a_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

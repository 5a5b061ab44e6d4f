//! The form of a log line. Every field of every line goes through `Field`, so that none is long and none has a
//! control character, whatever a caller put into it.

use std::{
    cell::RefCell,
    fmt::{self, Display, Write},
    mem,
    time::{SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, Utc};
use tracing::{
    Event, Level, Subscriber,
    field::{Field as Name, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use super::{CAUSE, LogFormat};

/// The most bytes of a field, before its control characters are written out; a longer one ends with `…`.
const LONGEST_FIELD: usize = 512;

/// The line that says how many were lost before it.
pub fn lines_were_lost(format: LogFormat, lines: u64) -> String {
    let mut text = String::new();
    let mut line = Writer::new(&mut text);
    let message = "lines of the log were lost, as they could not be written in time";
    let written = begin(format, &mut line, Level::WARN, "kennel::log").and_then(|()| match format {
        LogFormat::Json => writeln!(line, ",\"message\":\"{message}\",\"lines\":{lines}}}"),
        LogFormat::Text => writeln!(line, " {message} lines={lines}"),
    });
    // A text takes whatever is written.
    written.map(|()| text).unwrap_or_default()
}

/// The formatter of lines.
#[derive(Clone, Copy)]
pub struct LineFormat(pub LogFormat);

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
    write!(line, "{:06}Z", now.subsec_micros())
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

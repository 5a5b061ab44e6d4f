//! The reader of one environment variable: its value or default, parsed, and an error that says what it accepts.

use std::{
    cell::RefCell,
    fs,
    io::{self, Read},
    ops::RangeInclusive,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use tracing::level_filters::LevelFilter;

use super::{ConfigError, VARIABLES};
use crate::{
    crypto::keys::Secret,
    duration::seconds,
    files::{self, Exposure, WRITABLE_BY_ALL},
    log::LogFormat,
    mail::Mailbox,
    users::with_ascii_domain,
};

/// A reader of environment variables: each method reads one by its name, with its default from the table [`VARIABLES`],
/// parses it, and fails with a [`ConfigError`] that says what the variable accepts.
pub struct EnvReader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    exposed_files: RefCell<Vec<PathBuf>>,
}

/// A value, and the variable that it came from.
struct GivenValue {
    variable: &'static str,
    text: String,
}

impl<'a> EnvReader<'a> {
    /// A reader of the variables that `lookup` finds; an empty value counts as none.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, exposed_files: RefCell::default() }
    }

    /// The files with secrets that were read and that others than their owner can read or write.
    pub fn exposed_files(self) -> Vec<PathBuf> {
        self.exposed_files.into_inner()
    }

    /// The value of a variable, if it has one.
    fn given(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The value of a variable as it is, or its documented default.
    pub fn text(&self, name: &'static str) -> Result<String, ConfigError> {
        let default = || VARIABLES.iter().find(|variable| variable.name == name).map(|it| it.default.to_owned());
        self.given(name).or_else(default).ok_or_else(|| refused(name, "it is not documented"))
    }

    /// The value of a variable, or its documented default, parsed; `accepts` describes the values for the error.
    ///
    /// # Errors
    /// The value cannot be parsed.
    pub fn parsed<T: FromStr>(&self, name: &'static str, accepts: &str) -> Result<T, ConfigError> {
        self.text(name)?.parse().map_err(|_| refused(name, accepts))
    }

    /// The value of a variable, parsed, if it has one; `accepts` describes the values for the error.
    ///
    /// # Errors
    /// The value cannot be parsed.
    pub fn optional<T: FromStr>(&self, name: &'static str, accepts: &str) -> Result<Option<T>, ConfigError> {
        self.given(name).map(|text| text.parse().map_err(|_| refused(name, accepts))).transpose()
    }

    /// The value of a variable, or else `default`, or else the documented default, parsed; `accepts` describes the
    /// values for the error.
    ///
    /// # Errors
    /// The value cannot be parsed.
    pub fn parsed_or<T: FromStr>(
        &self,
        name: &'static str,
        default: Option<&str>,
        accepts: &str,
    ) -> Result<T, ConfigError> {
        match default.filter(|_| self.given(name).is_none()) {
            Some(default) => default.parse().map_err(|_| refused(name, accepts)),
            None => self.parsed(name, accepts),
        }
    }

    /// The value of a variable as a sender of mail, with its domain in ASCII, as those of accounts are: few servers
    /// take another.
    ///
    /// # Errors
    /// The value is no mail address, with or without a name before it.
    pub fn mailbox(&self, name: &'static str) -> Result<Mailbox, ConfigError> {
        let accepts = "an address: kennel@example.com, or Kennel <kennel@example.com>";
        let mailbox: Mailbox = self.parsed(name, accepts)?;
        let address = with_ascii_domain(mailbox.email.to_string());
        let address = Some(address).filter(|address| address.is_ascii()).and_then(|address| address.parse().ok());
        address.map(|address| Mailbox::new(mailbox.name, address)).ok_or_else(|| refused(name, accepts))
    }

    /// The value of a variable that is on (`true`, `1`) or off (`false`, `0`).
    ///
    /// # Errors
    /// The value is none of these.
    pub fn switch(&self, name: &'static str) -> Result<bool, ConfigError> {
        match &*self.text(name)?.to_ascii_lowercase() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(refused(name, "true or false")),
        }
    }

    /// The values of a variable that is a list with commas, perhaps empty, each parsed; `accepts` describes them for
    /// the error.
    ///
    /// # Errors
    /// A value in the list cannot be parsed.
    pub fn list<T: FromStr>(&self, name: &'static str, accepts: &str) -> Result<Vec<T>, ConfigError> {
        let text = self.given(name).unwrap_or_default();
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(|item| item.parse().map_err(|_| refused(name, accepts))).collect()
    }

    /// The value of a variable that is a whole number in `range`; `None` if it has no value.
    ///
    /// # Errors
    /// The value is no such number.
    pub fn number(&self, name: &'static str, range: RangeInclusive<usize>) -> Result<Option<usize>, ConfigError> {
        let accepts = || refused(name, &format!("a number from {} to {}", range.start(), range.end()));
        let Some(value) = self.given(name) else { return Ok(None) };
        value.parse().ok().filter(|number| range.contains(number)).map(Some).ok_or_else(accepts)
    }

    /// The value of a variable that is a duration, such as `2s`, `15m`, `12h` or `30d`; `range` is in seconds.
    ///
    /// # Errors
    /// The value is not written so, or out of the range.
    pub fn duration(&self, name: &'static str, range: RangeInclusive<u64>) -> Result<Duration, ConfigError> {
        seconds(&self.text(name)?).filter(|seconds| range.contains(seconds)).map(Duration::from_secs).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            refused(name, &format!("a duration such as 2s, 15m, 12h or 30d, from {least} to {most} seconds"))
        })
    }

    /// The value of a variable that filters the log: a level, or several of `target=level` and one level for the rest.
    ///
    /// # Errors
    /// The value is no such filter.
    pub fn log_filter(&self, name: &'static str) -> Result<String, ConfigError> {
        let filter = self.text(name)?;
        let is_level =
            |part: &str| part.rsplit('=').next().is_some_and(|level| level.trim().parse::<LevelFilter>().is_ok());
        if filter.split(',').all(is_level) {
            return Ok(filter);
        }
        Err(refused(name, "error, warn, info, debug, trace, off, or a filter such as kennel=debug,info"))
    }

    /// The value of a variable that is a format of log lines: `text` or `json`.
    ///
    /// # Errors
    /// The value is neither.
    pub fn log_format(&self, name: &'static str) -> Result<LogFormat, ConfigError> {
        match self.text(name)?.as_str() {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err(refused(name, "text or json")),
        }
    }

    /// The value of a variable that may hold a password, parsed: from the variable `name`, or from the file that the
    /// variable `file` names, or its documented default. `accepts` describes the values for the error.
    ///
    /// # Errors
    /// The value cannot be parsed, or the file not be read; or both variables are set.
    pub fn parsed_or_in_file<T: FromStr>(
        &self,
        name: &'static str,
        file: &'static str,
        accepts: &str,
    ) -> Result<T, ConfigError> {
        match self.given_or_in_file(name, file)? {
            Some(GivenValue { variable, text }) => text.parse().map_err(|_| refused(variable, accepts)),
            None => self.parsed(name, accepts),
        }
    }

    /// The secret in the variable `name`, or in the file that the variable `file` names; `None` if neither is set.
    ///
    /// # Errors
    /// The text is no [`Secret`], or the file cannot be read; or both variables are set.
    pub fn secret(&self, name: &'static str, file: &'static str) -> Result<Option<Secret>, ConfigError> {
        let Some(given) = self.given_or_in_file(name, file)? else { return Ok(None) };
        secret(&given, &given.text).map(Some)
    }

    /// The secrets in the variable `name`, or in the file that the variable `file` names, with commas or line breaks
    /// between them; perhaps none.
    ///
    /// # Errors
    /// A text in the list is no [`Secret`], or the file cannot be read; or both variables are set.
    pub fn secrets(&self, name: &'static str, file: &'static str) -> Result<Vec<Secret>, ConfigError> {
        let Some(given) = self.given_or_in_file(name, file)? else { return Ok(Vec::new()) };
        let texts = given.text.split([',', '\n']).map(str::trim).filter(|text| !text.is_empty());
        texts.map(|text| secret(&given, text)).collect()
    }

    fn given_or_in_file(&self, name: &'static str, file: &'static str) -> Result<Option<GivenValue>, ConfigError> {
        match (self.given(name), self.given(file)) {
            (Some(_), Some(_)) => Err(refused(file, &format!("nothing while {name} is set"))),
            (None, None) => Ok(None),
            (Some(text), None) => Ok(Some(GivenValue { variable: name, text })),
            (None, Some(path)) => {
                let unread =
                    |error: io::Error| refused(file, &format!("the path of a readable file ({})", error.kind()));
                match files::exposure(path.as_ref()).map_err(unread)? {
                    Exposure::Private => {}
                    Exposure::Shared => self.exposed_files.borrow_mut().push(path.clone().into()),
                    Exposure::WritableByAll => {
                        return Err(refused(file, &format!("a file of one's own: {WRITABLE_BY_ALL}")));
                    }
                }
                let text = read_start(&path).map_err(unread)?;
                Ok(Some(GivenValue { variable: file, text: text.trim().to_owned() }))
            }
        }
    }
}

fn secret(given: &GivenValue, text: &str) -> Result<Secret, ConfigError> {
    Secret::parse(text).map_err(|fault| ConfigError { variable: given.variable, remedy: fault.to_string() })
}

/// The first 64 KiB of a file; no value is longer.
fn read_start(path: &str) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(65_536).read_to_string(&mut text)?;
    Ok(text)
}

fn refused(variable: &'static str, accepts: &str) -> ConfigError {
    ConfigError { variable, remedy: format!("it accepts {accepts}") }
}

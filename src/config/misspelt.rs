//! Variables that are not read, though whoever set them probably meant one that is.

use std::fmt;

use super::VARIABLES;

/// The prefix that people expect on the variables of a program; these have none.
const PREFIX: &str = "KENNEL";
/// The least letters of a name that is recognized without its underscores, or in small letters. Shorter ones (`LOG`,
/// `HOST`, `PORT`) are those of other programs, too.
const LEAST: usize = 6;
/// The least letters of a name that is recognized with a letter too many, too few, wrong or out of place: `API_URL` is
/// one letter away from `APP_URL`, and often meant.
const LEAST_WITH_A_SLIP: usize = 8;

/// A variable that is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misspelt {
    pub name: String,
    /// The variable that was probably meant; `None` if only the prefix says that one of Kennel's was.
    pub meant: Option<&'static str>,
}

impl fmt::Display for Misspelt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not read: ", self.name.escape_debug())?;
        match self.meant {
            Some(meant) => write!(f, "did you mean {meant}?"),
            None => f.write_str("`kennel --help` lists the variables that are"),
        }
    }
}

/// The `names` that look like one of Kennel's variables and are none.
pub fn among(names: impl Iterator<Item = String>) -> Vec<Misspelt> {
    let unread = names.filter(|name| VARIABLES.iter().all(|variable| variable.name != name));
    unread
        .filter_map(|name| {
            let letters = letters(&name);
            let prefixed = letters.strip_prefix(PREFIX).filter(|_| name.len() > PREFIX.len());
            let meant = VARIABLES.iter().map(|variable| variable.name).find(|meant| match prefixed {
                Some(rest) => rest == self::letters(meant) || is_like(rest, meant),
                None => is_like(&letters, meant),
            });
            (meant.is_some() || prefixed.is_some()).then_some(Misspelt { name, meant })
        })
        .collect()
}

/// Whether these letters are a name's, perhaps with a slip.
fn is_like(letters: &str, name: &str) -> bool {
    let meant = self::letters(name);
    let has_slip = || name.len() >= LEAST_WITH_A_SLIP && is_one_slip_away(letters.as_bytes(), meant.as_bytes());
    (name.len() >= LEAST && letters == meant) || has_slip()
}

fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

/// Whether one letter that is added, left out, replaced, or swapped with the next makes one text of the other.
fn is_one_slip_away(one: &[u8], other: &[u8]) -> bool {
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let after = |text, count| <[u8]>::get(text, same + count..);
    let is_swapped =
        || matches!((one.get(same..), other.get(same..)), (Some([a, b, ..]), Some([c, d, ..])) if (a, b) == (d, c));
    let is_same = |one: Option<&[u8]>, other: Option<&[u8]>| one.is_some() && one == other;
    is_same(after(one, 1), after(other, 0))
        || is_same(after(one, 0), after(other, 1))
        || is_same(after(one, 1), after(other, 1))
        || (is_swapped() && after(one, 2) == after(other, 2))
}

#[cfg(test)]
mod tests {
    use super::{Misspelt, among};

    #[test]
    fn what_is_nearly_the_name_of_a_variable_is_told_and_what_is_another_programs_is_not() {
        let meant = |name: &str| {
            let mut found = among([name.to_owned()].into_iter());
            found.pop().map(|Misspelt { meant, .. }| meant)
        };
        for (name, variable) in [
            ("JWT_SECRT", "JWT_SECRET"),
            ("JWT_SECRETS", "JWT_SECRET"),
            ("JWT_SERCET", "JWT_SECRET"),
            ("JWT-SECRET", "JWT_SECRET"),
            ("JWT_PREVIOUS_SECRET", "JWT_PREVIOUS_SECRETS"),
            ("DATABASE_URI", "DATABASE_URL"),
            ("CORS_ORIGIN", "CORS_ORIGINS"),
            ("database_url", "DATABASE_URL"),
            ("KEEPALIVE", "KEEP_ALIVE"),
            ("SIGN_UP", "SIGNUP"),
            ("KENNEL_PORT", "PORT"),
            ("KENNEL_LOG", "LOG"),
            ("KENNEL_JWT_SECRT", "JWT_SECRET"),
            ("kennel_workers", "WORKERS"),
        ] {
            assert_eq!(meant(name), Some(Some(variable)), "{name}");
        }
        assert_eq!(meant("KENNEL_COLOUR"), Some(None));
        for name in [
            "PORT",
            "JWT_SECRET",
            "JWT_SECRET_FILE",
            "PORTS",
            "HOSTNAME",
            "LOGO",
            "LOGNAME",
            "MAIL",
            "MAILER",
            "USER",
            "PATH",
            "PWD",
            "HOME",
            "host",
            "port",
            "API_URL",
            "RUST_LOG",
            "PGHOST",
            "KENNEL",
            "JWT_TOKEN",
            "DATABASE_NAME",
            "",
        ] {
            assert_eq!(meant(name), None, "{name}");
        }
    }
}

//! The URL that says how mail is sent, `MAIL_URL`.

use std::{fmt, path::PathBuf, str::FromStr};

use super::transport;
use crate::urls::origin::is_loopback;

/// The way in which mail is sent, as `MAIL_URL` says it. Parsing refuses every other scheme, a user without a password,
/// a password that would be sent unencrypted to another machine, and any parameter but `tls`. `Debug` shows no
/// password.
#[derive(Clone, PartialEq, Eq)]
pub enum MailUrl {
    /// A folder that gets a file for each mail (`file:DIR`), made with the first one; a relative path begins at the
    /// working directory.
    File(PathBuf),
    /// An SMTP server: `smtps://USER:PASSWORD@HOST:PORT`, or `smtp://…` with `?tls=required` (STARTTLS). The URL may
    /// hold a password.
    Smtp(String),
}

impl FromStr for MailUrl {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once(':') {
            Some(("file", path)) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                if path.is_empty() { Err(()) } else { Ok(Self::File(PathBuf::from(path))) }
            }
            // Better refused at the start than by the first mail.
            Some((scheme @ ("smtp" | "smtps"), rest))
                if is_understood(scheme, rest) && transport::smtp(text, None).is_ok() =>
            {
                Ok(Self::Smtp(text.to_owned()))
            }
            _ => Err(()),
        }
    }
}

/// Whether lettre would take notice of the whole URL: it passes over a user without a password, and all of the query
/// but `tls`. A password is sent only encrypted, except to this machine.
fn is_understood(scheme: &str, rest: &str) -> bool {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, "tls="));
    let authority = rest.trim_start_matches('/').split('/').next().unwrap_or_default();
    let is_secret = scheme == "smtps" || query == "tls=required";
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, port)| if port.ends_with(']') { authority } else { host });
    let is_here = is_loopback(host);
    let has_password = authority.rsplit_once('@').is_none_or(|(user, _)| user.contains(':') && (is_secret || is_here));
    has_password && query.starts_with("tls=") && !query.contains('&')
}

/// Shows the server without the password.
impl fmt::Debug for MailUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Smtp(url) => write!(f, "an SMTP server at {}", url.rsplit(['@', '/']).next().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MailUrl;

    #[test]
    fn a_url_that_no_mail_could_be_sent_with_is_refused() {
        for right in [
            "file:outbox",
            "file:///var/mail/kennel",
            "smtp://localhost",
            "smtp://mail.example.com:2525/kennel.example.com",
            "smtp://ann:p%40ss@mail.example.com?tls=required",
            "smtps://ann:pass@mail.example.com",
            "smtp://ann:pass@localhost:2525",
            "smtp://ann:pass@127.0.0.1:2525",
            "smtp://ann:pass@[::1]:2525",
        ] {
            assert!(right.parse::<MailUrl>().is_ok(), "{right}");
        }
        for wrong in [
            "file:",
            "outbox",
            "smtp:",
            "smtp://",
            "smtp://mail.example.com:port",
            "smtp://mail.example.com?tls=maybe",
            "smtp://mail.example.com?TLS=required",
            "smtp://ann@mail.example.com",
            "smtp://ann:pass@mail.example.com",
            "smtp://ann:pass@127.example.com",
            "smtp://ann:pass@mail.example.com?tls=opportunistic",
            "http://mail.example.com",
        ] {
            assert!(wrong.parse::<MailUrl>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        let url: MailUrl = "smtp://ann:secret@localhost:2525".parse().expect("a URL");
        assert_eq!(format!("{url:?}"), "an SMTP server at localhost:2525");
    }
}

//! A mail as it arrived, and the ways a sentence speaks about it. Every one is held to what all mails promise before
//! a test sees it: plain text in plain ASCII that no program on its way breaks, and a link from which a token can be picked
//! out.

use std::fmt;

/// The longest line that a mail may have, without its end (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;
const INDENT: &str = "    ";
/// In a link, before what the page is to do.
const ACTION: &str = "#action=";
/// And before its token, which ends the line.
const TOKEN: &str = "&token=";

/// Where a mail's token is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    Verify,
    /// Where the present address calls off another.
    Cancel,
    Reset,
    /// Nowhere: it has none.
    Notice,
}

impl Purpose {
    /// What the page is asked to do.
    pub fn action(self) -> Option<&'static str> {
        match self {
            Self::Verify => Some("verify-email"),
            Self::Cancel => Some("cancel-email"),
            Self::Reset => Some("reset-password"),
            Self::Notice => None,
        }
    }
}

/// What the mail server says about how a mail came.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    pub sender: String,
    pub recipients: Vec<String>,
    pub encrypted: bool,
    /// The name by which the sender greeted, where a stand-in took the mail.
    pub greeting: String,
    /// Who logged in to the mail server.
    pub user: Option<String>,
}

/// A mail that nobody has looked into yet, so that what is wrong with it fails the test that does.
pub struct Sealed {
    pub envelope: Envelope,
    pub text: String,
}

#[derive(Clone, Debug)]
pub struct Letter {
    pub envelope: Envelope,
    /// All of it, as it came.
    pub text: String,
    headers: Vec<(String, String)>,
    lines: Vec<String>,
}

impl Letter {
    #[track_caller]
    pub fn open(Sealed { envelope, text }: Sealed) -> Self {
        let plain = text.replace("\r\n", "\n");
        let (head, body) = plain.split_once("\n\n").unwrap_or((&plain, ""));
        let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
        let headers = unfolded.lines().filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        let (headers, lines) = (headers.collect(), body.lines().map(str::to_owned).collect());
        let letter = Self { envelope, text, headers, lines };
        letter.hold();
        letter
    }

    /// What every mail promises.
    fn hold(&self) {
        assert!(self.text.is_ascii(), "a mail is plain ASCII: {self}");
        let is_text = |c: char| c == '\n' || c == '\r' || c == ' ' || c.is_ascii_graphic();
        assert!(self.text.chars().all(is_text), "a mail has no control characters: {self}");
        assert!(!self.text.replace("\r\n", "").contains('\r'), "a mail's lines end as lines do: {self}");
        assert!(self.text.lines().all(|line| line.len() <= LONGEST_LINE), "a mail's lines are short: {self}");
        for name in ["from", "to", "subject", "date"] {
            assert!(!self.header(name).is_empty(), "a mail says its {name}: {self}");
        }
        let kind = self.header_if_any("content-type").unwrap_or("text/plain");
        assert!(kind.starts_with("text/plain"), "a mail is one plain text: {self}");
        let encoding = self.header_if_any("content-transfer-encoding").unwrap_or("7bit");
        assert!(encoding.eq_ignore_ascii_case("7bit"), "a mail is not encoded: {self}");
        assert!(!self.text.contains("$argon2"), "a mail shows no hash: {self}");
        match (self.purpose(), self.tokens().as_slice()) {
            (Purpose::Notice, []) => {}
            (Purpose::Verify | Purpose::Cancel | Purpose::Reset, [token]) => {
                assert!(token.is_ascii() && token.len() <= 128, "a token is short: {self}");
            }
            (purpose, tokens) => panic!("a mail to {purpose:?} with {} tokens: {self}", tokens.len()),
        }
    }

    /// The value of a header that must be there, once.
    pub fn header(&self, name: &str) -> &str {
        let count = self.headers.iter().filter(|(known, _)| known == name).count();
        assert_eq!(count, 1, "how often {name} is in {self}");
        self.header_if_any(name).unwrap_or_default()
    }

    pub fn header_if_any(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whom it is for.
    pub fn to(&self) -> &str {
        self.header("to").trim_matches(['<', '>'])
    }

    pub fn is_to(&self, address: &str) -> bool {
        self.to() == address
    }

    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The tokens of its links, each of which stands alone on a line, indented by four spaces.
    fn tokens(&self) -> Vec<&str> {
        let links = self.lines.iter().filter_map(|line| line.strip_prefix(INDENT)).filter(|rest| !rest.contains(' '));
        links.filter_map(|link| Some(link.split_once(ACTION)?.1.split_once(TOKEN)?.1)).collect()
    }

    /// The first link to the page.
    pub fn link(&self) -> Option<&str> {
        self.lines.iter().map(|line| line.trim()).find(|line| line.contains(ACTION))
    }

    /// Its token.
    #[track_caller]
    pub fn token(&self) -> &str {
        self.tokens().first().copied().unwrap_or_else(|| panic!("no token in {self}"))
    }

    pub fn purpose(&self) -> Purpose {
        let asks_for = |purpose: &Purpose| {
            let action = purpose.action().map(|action| format!("{ACTION}{action}{TOKEN}"));
            self.link().zip(action).is_some_and(|(link, action)| link.contains(&action))
        };
        [Purpose::Verify, Purpose::Cancel, Purpose::Reset].into_iter().find(asks_for).unwrap_or(Purpose::Notice)
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this mail ({:?}):\n{}", self.envelope, self.text)
    }
}

//! The sending of mails: to an SMTP server, or into a folder. One connection for each mail, so that one that fails
//! leaves nothing behind for the next.

use std::{
    fmt, io,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    address::Envelope,
    error::Error as MessageError,
    message::{
        Body, Mailbox, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{self, extension::ClientId},
};

use super::{letter::MailMessage, outbox::Outbox, repo::MailRow, url::MailUrl};
use crate::{problem::Problem, urls::PublicUrl};

/// The longest time to send one mail, from the connection to the server's last response.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most characters of a line (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;
/// The header that tells machines not to reply (RFC 3834 §5).
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");

/// The way in which mail is sent, opened from a [`MailUrl`].
pub enum Transport {
    /// Each mail becomes a file in a folder.
    Outbox(Outbox),
    /// Each mail goes to an SMTP server, over a connection of its own.
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

/// The reason why a mail was not sent, for the log. Holds no address, no word of the mail and none of the server's,
/// which may quote them.
#[derive(Debug)]
pub struct SendError(String);

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<MessageError> for SendError {
    fn from(error: MessageError) -> Self {
        Self(format!("it cannot be made: {error}"))
    }
}

impl From<Problem> for SendError {
    fn from(problem: Problem) -> Self {
        Self(problem.cause_in_words())
    }
}

impl From<smtp::Error> for SendError {
    fn from(error: smtp::Error) -> Self {
        if let Some(code) = error.status() {
            return Self(format!("the server answers {code}"));
        }
        if error.is_response() {
            return Self("the server's answer is not SMTP, or breaks off".to_owned());
        }
        Self(error.to_string())
    }
}

/// The client of the SMTP server that a `smtp://` or `smtps://` URL names. It calls itself by the host of `public_url`,
/// unless the URL has a name for that as its path.
///
/// # Errors
/// The URL is not one that lettre understands.
pub fn smtp(url: &str, public_url: Option<&PublicUrl>) -> Result<AsyncSmtpTransport<Tokio1Executor>, smtp::Error> {
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?.timeout(Some(PATIENCE));
    let address = url.split('?').next().unwrap_or_default();
    let is_named =
        address.split_once("://").and_then(|(_, rest)| rest.split_once('/')).is_some_and(|it| !it.1.is_empty());
    Ok(match public_url.filter(|_| !is_named) {
        Some(url) => builder.hello_name(client_id(url.host())).build(),
        None => builder.build(),
    })
}

/// A host as SMTP's `EHLO` says it: a name, or an address literal (RFC 5321 §4.1.3).
fn client_id(host: &str) -> ClientId {
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Ok(IpAddr::V6(address)) => ClientId::Ipv6(address),
        Err(_) => ClientId::Domain(host.to_owned()),
    }
}

impl Transport {
    /// Opens the transport that `url` names; no connection is made yet. To an SMTP server the client calls itself by
    /// the host of `public_url`, unless the URL has a name for that as its path.
    ///
    /// # Errors
    /// `io::Error`, when the system has no more threads to give, or lettre does not understand the URL.
    pub fn open(url: &MailUrl, public_url: Option<&PublicUrl>) -> io::Result<Self> {
        Ok(match url {
            MailUrl::File(folder) => Self::Outbox(Outbox::open(folder, PATIENCE)?),
            MailUrl::Smtp(url) => Self::Smtp(smtp(url, public_url).map_err(io::Error::other)?),
        })
    }

    /// Sends the written mail `content` of the queue's `mail`, from the sender `from`.
    ///
    /// # Errors
    /// `SendError`, when the mail was not sent, or perhaps was, without the server's confirmation; after 20 seconds
    /// the server is given up.
    pub async fn send(&self, from: &Mailbox, mail: &MailRow, content: MailMessage) -> Result<(), SendError> {
        let message = message(from, mail, content)?;
        match self {
            Self::Outbox(outbox) => outbox.put(mail, message.formatted()).await?,
            Self::Smtp(server) => {
                // lettre's own time-out ends with the connection.
                let sent = tokio::time::timeout(PATIENCE, server.send(message)).await;
                let _answer = sent.map_err(|_| SendError("the server is silent".to_owned()))??;
            }
        }
        Ok(())
    }
}

/// The message of a mail. Its id stays the same however often it is sent, so that a copy is known as one.
fn message(from: &Mailbox, mail: &MailRow, content: MailMessage) -> Result<Message, MessageError> {
    let id = format!("<{}.{}@{}>", mail.id, mail.created_at.micros(), from.email.domain());
    let (local, domain) = content.address.rsplit_once('@').ok_or(MessageError::EmailMissingAt)?;
    // Every address was plausible as browsers judge it: that is wider than what lettre accepts, but has nothing that
    // SMTP or a header could misread. The envelope is given, or lettre would read it from the header, and refuse.
    let to = Address::new_dangerous(local, domain);
    let envelope = Envelope::new(Some(from.email.clone()), vec![to.clone()])?;
    Message::builder()
        .envelope(envelope)
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(content.subject)
        .message_id(Some(id))
        .date(SystemTime::now())
        .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body(content.text)))
}

/// The body of a text, as it is: lettre would break lines of more than 76 characters, and with them the commands.
fn body(text: String) -> Body {
    if text.is_ascii() && text.lines().all(|line| line.len() <= LONGEST_LINE) {
        return Body::dangerous_pre_encoded(text.replace('\n', "\r\n").into_bytes(), ContentTransferEncoding::SevenBit);
    }
    Body::new(text)
}

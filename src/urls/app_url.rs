//! The URL of the page that mails lead to: an application's, `APP_URL`, or the console.

use std::str::FromStr;

use actix_web::http::Uri;

use super::origin::has_right_port;

/// The page that mails lead to, of an application (`APP_URL`) or the console of this server: an absolute `http` or `https` URL in ASCII, without a
/// user or a fragment (any other text is an error of parsing), since [`AppUrl::link`] puts the action and its token
/// there, which no browser sends to a server or names to another page (RFC 3986 §3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppUrl(String);

impl AppUrl {
    /// The console of the server at this URL, which has no slash at its end.
    #[must_use]
    pub fn console_of(server: &str) -> Self {
        Self(format!("{server}/app"))
    }

    /// The link in a mail that asks the page for `action`, one of `verify-email`, `cancel-email`, `reset-password` and
    /// `forgot-password`, with a token if the action takes one, such as `…#action=verify-email&token=…`. The page reads
    /// the fragment as a query (`URLSearchParams`).
    #[must_use]
    pub fn link(&self, action: &str, token: Option<&str>) -> String {
        let token = token.map(|token| format!("&token={token}")).unwrap_or_default();
        format!("{}#action={action}{token}", self.0)
    }
}

impl FromStr for AppUrl {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let uri: Uri = text.parse().map_err(|_| ())?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let is_plain = text.is_ascii() && !text.contains(['#', ' ']);
        let has_host = uri.authority().is_some_and(|it| has_right_port(it) && !it.as_str().contains('@'));
        if is_http && is_plain && has_host { Ok(Self(text.to_owned())) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::AppUrl;

    #[test]
    fn a_page_gets_what_to_do_and_the_token_behind_its_address() {
        for page in ["https://app.example.com", "http://localhost:5173/account/", "https://example.com/a?lang=de"] {
            let link = page.parse::<AppUrl>().expect(page).link("reset-password", Some("1.abc"));
            assert_eq!(link, format!("{page}#action=reset-password&token=1.abc"));
        }
        let console = AppUrl::console_of("http://127.0.0.1:8000").link("forgot-password", None);
        assert_eq!(console, "http://127.0.0.1:8000/app#action=forgot-password");
        for wrong in ["", "app.example.com", "myapp://verify", "https://a@b.example", "https://a.example/#/account"] {
            assert!(wrong.parse::<AppUrl>().is_err(), "{wrong}");
        }
    }
}

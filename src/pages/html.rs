//! HTML from templates with blanks. A text becomes HTML only here, where it is escaped, so that a page cannot be made
//! of a caller's words by accident.

/// A piece of HTML, safe to be sent: a template of ours, filled in with escaped texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(String);

/// The content of a blank in a template ([`Html::fill`]).
pub enum Fill<'a> {
    /// A text, which is escaped.
    Text(&'a str),
    /// A piece of HTML, which stays as it is.
    Html(Html),
}

impl Html {
    /// The template with its blanks, such as `{{name}}`, filled in by name; a blank may stand several times, between
    /// tags or in an attribute with quotes. A blank without a fill stays empty.
    pub fn fill(template: &'static str, fills: &[(&str, Fill<'_>)]) -> Self {
        let mut parts = template.split("{{");
        let mut html = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once("}}").unwrap_or((part, ""));
            let fill = fills.iter().find(|(known, _)| *known == name).map(|(_, fill)| fill);
            debug_assert!(fill.is_some(), "nothing is filled into {{{{{name}}}}}");
            match fill {
                Some(Fill::Text(text)) => escape(text, &mut html),
                Some(Fill::Html(inner)) => html.push_str(&inner.0),
                None => {}
            }
            html.push_str(rest);
        }
        Self(html)
    }

    /// A text as HTML, escaped, with what stands in backticks as `<code>`.
    pub fn prose(text: &str) -> Self {
        text.split('`')
            .enumerate()
            .map(|(number, part)| {
                let template = if number % 2 == 0 { "{{part}}" } else { "<code>{{part}}</code>" };
                Self::fill(template, &[("part", Fill::Text(part))])
            })
            .collect()
    }

    /// The HTML as a string.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl FromIterator<Self> for Html {
    fn from_iter<I: IntoIterator<Item = Self>>(pieces: I) -> Self {
        Self(pieces.into_iter().map(Self::into_string).collect())
    }
}

/// Words, so that a browser reads them as words between tags and in quotes.
fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fill, Html};

    #[test]
    fn words_stay_words_between_tags_and_in_quotes() {
        let evil = r#"<img src=x onerror="a('&amp;')">{{other}}"#;
        let filled = Html::fill(
            r#"<p title="{{evil}}">{{evil}}</p>{{other}}"#,
            &[("evil", Fill::Text(evil)), ("other", Fill::Html(Html::fill("<hr>", &[])))],
        );
        let escaped = "&lt;img src=x onerror=&quot;a(&#39;&amp;amp;&#39;)&quot;&gt;{{other}}";
        assert_eq!(filled.into_string(), format!(r#"<p title="{escaped}">{escaped}</p><hr>"#));
    }

    #[test]
    fn what_is_code_in_prose_is_marked() {
        assert_eq!(
            Html::prose("Send `Accept: <type>`, or `*/*`.").into_string(),
            "Send <code>Accept: &lt;type&gt;</code>, or <code>*/*</code>."
        );
        assert_eq!(Html::prose("").into_string(), "");
    }
}

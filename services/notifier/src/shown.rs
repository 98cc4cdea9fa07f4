//! Hostile text made harmless (P-3): what would not be seen, or would change how its surroundings are read, is shown as
//! `\u{..}`; in HTML, what has a meaning there is escaped.

pub use runtime::shown::is_hidden;
use runtime::shown::visible;

/// For one line: nothing hidden, no line end.
#[must_use]
pub fn line(text: &str) -> String {
    visible(text, |_| false)
}

/// For a text of several lines: line ends stay.
#[must_use]
pub fn paragraph(text: &str) -> String {
    visible(&text.replace("\r\n", "\n"), |character| character == '\n')
}

/// For HTML, as content or within a quoted attribute.
#[must_use]
pub fn html(text: &str) -> String {
    let shown = paragraph(text);
    let mut safe = String::with_capacity(shown.len());
    for character in shown.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' => safe.push_str("<br>\n"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown() {
        for (hostile, shown) in [
            ("shop\u{202e}moc", "shop\\u{202e}moc"),
            ("a\u{200b}b", "a\\u{200b}b"),
            ("a\0b\x1b[31m", "a\\u{0}b\\u{1b}[31m"),
            ("Bcc: x\r\ny", "Bcc: x\\u{d}\\u{a}y"),
            ("\u{feff}Ünïcödé 証明書 👍", "\\u{feff}Ünïcödé 証明書 👍"),
        ] {
            assert_eq!(line(hostile), shown);
        }
        assert_eq!(paragraph("one\r\ntwo\rthree\n"), "one\ntwo\\u{d}three\n");
    }

    #[test]
    fn markup_is_text() {
        assert_eq!(
            html("<a href='x'>\"&\"</a>\n"),
            "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;&lt;/a&gt;<br>\n"
        );
    }
}

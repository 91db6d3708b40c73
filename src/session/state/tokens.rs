//! Splits SQL into the tokens that decide what a statement leaves in its session:
//! <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>.

/// A token of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword or an unquoted name.
    Word(&'a str),
    /// A quoted name, without its quotes.
    Quoted(&'a str),
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// `,`.
    Comma,
    /// `.`.
    Dot,
    /// `;`.
    Semicolon,
    /// `::`.
    Cast,
    /// A string, a number, a parameter or an operator.
    Other,
}

/// The tokens of a text, without comments.
pub(super) struct Tokens<'a>(pub &'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_comments();
        let rest = self.0;
        let first = rest.chars().next()?;
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            '.' => (Token::Dot, 1),
            ';' => (Token::Semicolon, 1),
            ':' if rest.starts_with("::") => (Token::Cast, 2),
            '\'' => (Token::Other, end_of_quoted(rest, 1, '\'', false)),
            '"' => {
                let end = end_of_quoted(rest, 1, '"', false);
                let name = rest.get(1..end.saturating_sub(1)).unwrap_or_default();
                (Token::Quoted(name), end)
            }
            '$' => (Token::Other, end_of_dollar(rest)),
            _ if is_start(first) => {
                let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                let word = rest.get(..end).unwrap_or_default();
                if word.eq_ignore_ascii_case("e") && rest.get(end..)?.starts_with('\'') {
                    (Token::Other, end_of_quoted(rest, end + 1, '\'', true))
                } else {
                    (Token::Word(word), end)
                }
            }
            '0'..='9' => (Token::Other, rest.find(|c| !is_part(c)).unwrap_or(rest.len())),
            other => (Token::Other, other.len_utf8()),
        };
        self.0 = rest.get(length..).unwrap_or_default();
        Some(token)
    }
}

impl Tokens<'_> {
    fn skip_comments(&mut self) {
        loop {
            self.0 = self.0.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
            if self.0.starts_with("--") {
                self.0 = self.0.split_once(['\n', '\r']).map_or("", |(_, rest)| rest);
            } else if self.0.starts_with("/*") {
                self.0 = after_comment(self.0);
            } else {
                return;
            }
        }
    }
}

/// The text after a comment between `/*` and `*/`, in which others may be nested.
fn after_comment(text: &str) -> &str {
    let (mut depth, mut rest) = (0, text);
    loop {
        let Some(at) = rest.find(['/', '*']) else { return "" };
        rest = rest.get(at..).unwrap_or_default();
        if let Some(after) = rest.strip_prefix("/*") {
            (depth, rest) = (depth + 1, after);
        } else if let Some(after) = rest.strip_prefix("*/") {
            (depth, rest) = (depth - 1, after);
            if depth == 0 {
                return rest;
            }
        } else {
            rest = rest.get(1..).unwrap_or_default();
        }
    }
}

/// The end of a string or a quoted name whose contents begin at `from`; a quote in it is doubled, or escaped.
fn end_of_quoted(text: &str, from: usize, quote: char, has_escapes: bool) -> usize {
    let mut characters = text.get(from..).unwrap_or_default().char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && has_escapes {
            characters.next();
        } else if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return from + at + 1;
        }
    }
    text.len()
}

/// The end of a parameter, or of a string between `$tag$` and `$tag$`.
fn end_of_dollar(text: &str) -> usize {
    let tag = text.get(1..).and_then(|rest| rest.find(|c| c == '$' || !is_part(c)));
    let tag = tag
        .map(|length| length + 1)
        .filter(|end| text.get(*end..).is_some_and(|rest| rest.starts_with('$')));
    let is_number = text.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    match tag {
        Some(end) if !is_number => {
            let mark = text.get(..=end).unwrap_or_default();
            let body = text.get(end + 1..).unwrap_or_default();
            body.find(mark).map_or(text.len(), |at| end + 1 + at + mark.len())
        }
        _ => {
            text.get(1..).and_then(|rest| rest.find(|c| !is_part(c))).map_or(text.len(), |n| n + 1)
        }
    }
}

fn is_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn is_part(c: char) -> bool {
    is_start(c) || c.is_ascii_digit() || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_tokens_of_strings_names_and_comments() {
        use Token::{Close, Comma, Dot, Open, Other, Quoted, Semicolon, Word};
        for (sql, expected) in [
            ("f(1)", vec![Word("f"), Open, Other, Close]),
            ("'it''s; f(' x", vec![Other, Word("x")]),
            ("E'a\\'f(' x", vec![Other, Word("x")]),
            ("\"a\"\"b\".c", vec![Quoted("a\"\"b"), Dot, Word("c")]),
            ("$$ ; $x$ $$ a", vec![Other, Word("a")]),
            ("$t$ $$ $t$;", vec![Other, Semicolon]),
            ("$1,$23", vec![Other, Comma, Other]),
            ("a -- f(\n b", vec![Word("a"), Word("b")]),
            ("a -- f(\r b", vec![Word("a"), Word("b")]),
            ("a\u{a0}(", vec![Word("a\u{a0}"), Open]),
            ("a/* /* f( */ */b", vec![Word("a"), Word("b")]),
            ("größe(", vec![Word("größe"), Open]),
            ("'open", vec![Other]),
            ("/* open", vec![]),
        ] {
            assert_eq!(Tokens(sql).collect::<Vec<_>>(), expected, "{sql}");
        }
    }
}

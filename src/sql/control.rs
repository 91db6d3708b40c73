//! Finds the statements of a script that begin or end a transaction.

/// A statement that begins or ends a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// The command's name.
    pub command: &'static str,
    /// Whether it begins a transaction.
    pub begins: bool,
    /// Whether it is the script's only statement.
    pub is_alone: bool,
}

/// The number of words at the beginning that identify a statement.
const WORDS: usize = 3;

/// The first words of transaction control statements.
const FIRST_WORDS: [&str; 7] = ["begin", "start", "commit", "end", "abort", "rollback", "prepare"];

/// Finds the first statement that begins or ends a transaction, in a script or, unless `is_script`,
/// in a single statement.
#[must_use]
pub fn transaction_control(sql: &str, is_script: bool) -> Option<Control> {
    let mut tokens = Tokens { sql, position: 0 };
    let mut found: Option<Control> = None;
    let mut statements = 0;
    loop {
        let first = statements == 0;
        let statement = Statement::read(&mut tokens, first, is_script)?;
        if !statement.is_empty() {
            statements += 1;
            found = found.or_else(|| statement.control());
        }
        if tokens.position >= sql.len() || (found.is_some() && statements > 1) {
            return found.map(|control| Control { is_alone: statements == 1, ..control });
        }
    }
}

/// Whether a statement is a COPY.
#[must_use]
pub fn is_copy(sql: &str) -> bool {
    let first = Tokens { sql, position: 0 }.next();
    matches!(first, Some(Token::Word(word)) if word.eq_ignore_ascii_case("copy"))
}

/// The first words of a statement.
struct Statement<'a> {
    words: [&'a str; WORDS],
    /// It contains other tokens than words.
    has_more: bool,
}

impl<'a> Statement<'a> {
    /// Reads a statement to its end. Returns `None` early if it is the only one and does not
    /// control a transaction, so that a long INSERT is not read to its end.
    fn read(tokens: &mut Tokens<'a>, is_first: bool, is_script: bool) -> Option<Self> {
        let mut statement = Self { words: [""; WORDS], has_more: false };
        let (mut count, mut parentheses, mut bodies) = (0, 0_usize, 0_usize);
        let mut previous = "";
        while let Some(token) = tokens.next() {
            match token {
                Token::Semicolon if parentheses == 0 && bodies == 0 => break,
                Token::Word(word) => {
                    if let Some(slot) = statement.words.get_mut(count) {
                        *slot = word;
                    } else if statement.creates_routine() {
                        // BEGIN ATOMIC … END contains statements.
                        let is = |other: &str| word.eq_ignore_ascii_case(other);
                        let begins = is("atomic") && previous.eq_ignore_ascii_case("begin");
                        if begins || (bodies > 0 && is("case")) {
                            bodies += 1;
                        } else if is("end") {
                            bodies = bodies.saturating_sub(1);
                        }
                    }
                    (count, previous) = (count + 1, word);
                    if is_first && count == 1 && !is_one_of(word, &FIRST_WORDS) {
                        let rest = tokens.rest();
                        if !is_script || memchr::memchr(b';', rest).is_none() {
                            return None;
                        }
                    }
                }
                Token::Open => parentheses += 1,
                Token::Close => parentheses = parentheses.saturating_sub(1),
                Token::Semicolon | Token::Other => statement.has_more = true,
            }
        }
        Some(statement)
    }

    fn is_empty(&self) -> bool {
        self.words[0].is_empty() && !self.has_more
    }

    fn is(&self, position: usize, word: &str) -> bool {
        self.words.get(position).is_some_and(|found| found.eq_ignore_ascii_case(word))
    }

    fn creates_routine(&self) -> bool {
        let routine = |position| self.is(position, "function") || self.is(position, "procedure");
        // In CREATE OR REPLACE FUNCTION the object kind is the fourth word.
        self.is(0, "create") && (routine(1) || self.is(1, "or"))
    }

    fn control(&self) -> Option<Control> {
        let first = FIRST_WORDS.iter().find(|word| self.is(0, word))?;
        let (command, begins) = match *first {
            "begin" => ("BEGIN", true),
            "start" if self.is(1, "transaction") => ("START TRANSACTION", true),
            "commit" if !self.is(1, "prepared") => ("COMMIT", false),
            "end" => ("END", false),
            "abort" => ("ABORT", false),
            "rollback" if !self.is(1, "prepared") && !self.targets_savepoint() => {
                ("ROLLBACK", false)
            }
            "prepare" if self.is(1, "transaction") => ("PREPARE TRANSACTION", false),
            _ => return None,
        };
        Some(Control { command, begins, is_alone: false })
    }

    fn targets_savepoint(&self) -> bool {
        let noise = self.is(1, "work") || self.is(1, "transaction");
        self.is(if noise { 2 } else { 1 }, "to")
    }
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|other| other.eq_ignore_ascii_case(word))
}

enum Token<'a> {
    Word(&'a str),
    Semicolon,
    Open,
    Close,
    /// A string, a quoted identifier, a number or an operator.
    Other,
}

/// An iterator over the tokens of a script, as PostgreSQL's scanner splits it.
struct Tokens<'a> {
    sql: &'a str,
    position: usize,
}

impl<'a> Tokens<'a> {
    fn rest(&self) -> &'a [u8] {
        self.sql.as_bytes().get(self.position..).unwrap_or_default()
    }

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = self.rest();
            match rest {
                [] => return None,
                [b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, ..] => self.position += 1,
                [b'-', b'-', ..] => {
                    self.position += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                }
                [b'/', b'*', ..] => self.position += comment(rest),
                _ => break,
            }
        }
        let rest = self.rest();
        let (token, length) = match rest {
            [b';', ..] => (Token::Semicolon, 1),
            [b'(', ..] => (Token::Open, 1),
            [b')', ..] => (Token::Close, 1),
            [b'\'', ..] => (Token::Other, quoted(rest, b'\'', false)),
            [b'e' | b'E', b'\'', text @ ..] => {
                (Token::Other, 1 + quoted(rest.get(1..).unwrap_or(text), b'\'', true))
            }
            [b'"', ..] => (Token::Other, quoted(rest, b'"', false)),
            [b'$', ..] => (Token::Other, dollar_quoted(rest)),
            [first, ..] if is_word_byte(*first) => {
                let length = rest.iter().take_while(|byte| is_word_byte(**byte)).count();
                let word = self.sql.get(self.position..self.position + length).unwrap_or_default();
                (Token::Word(word), length)
            }
            _ => (Token::Other, 1),
        };
        self.position += length;
        Some(token)
    }
}

/// Whether a byte can be part of an identifier, a keyword or a number.
fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}

/// The length of a block comment, which may contain others.
fn comment(text: &[u8]) -> usize {
    let (mut position, mut depth) = (2, 1_usize);
    while depth > 0 {
        match text.get(position..).unwrap_or_default() {
            [] => break,
            [b'/', b'*', ..] => (position, depth) = (position + 2, depth + 1),
            [b'*', b'/', ..] => (position, depth) = (position + 2, depth - 1),
            _ => position += 1,
        }
    }
    position
}

/// The length of a quoted string or identifier. With `escapes`, a backslash escapes the next byte.
/// A doubled quote is read as the end of one string and the start of another, which has the same
/// effect.
fn quoted(text: &[u8], quote: u8, escapes: bool) -> usize {
    let mut position = 1;
    while let Some(byte) = text.get(position) {
        position += match *byte {
            b'\\' if escapes => 2,
            byte if byte == quote => return position + 1,
            _ => 1,
        };
    }
    text.len()
}

/// The length of a dollar-quoted string; 1 if the dollar sign does not begin one.
fn dollar_quoted(text: &[u8]) -> usize {
    let rest = text.get(1..).unwrap_or_default();
    let name = rest.iter().take_while(|byte| is_word_byte(**byte) && **byte != b'$').count();
    let has_name = rest.first().is_none_or(|first| !first.is_ascii_digit());
    if !has_name || rest.get(name) != Some(&b'$') {
        return 1;
    }
    let length = name + 2;
    let (delimiter, body) = text.split_at_checked(length).unwrap_or((text, &[]));
    memchr::memmem::find(body, delimiter).map_or(text.len(), |end| length + end + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_transaction_control_of_scripts_returns_the_first() {
        for (sql, command, begins, is_alone) in [
            ("BEGIN", "BEGIN", true, true),
            (" begin ISOLATION LEVEL SERIALIZABLE;", "BEGIN", true, true),
            (
                "-- now\n/* a /* nested */ note */ Start\nTransaction",
                "START TRANSACTION",
                true,
                true,
            ),
            ("; ; commit ;", "COMMIT", false, true),
            ("COMMIT AND CHAIN", "COMMIT", false, true),
            ("end work", "END", false, true),
            ("Abort", "ABORT", false, true),
            ("ROLLBACK", "ROLLBACK", false, true),
            ("ROLLBACK TRANSACTION AND NO CHAIN", "ROLLBACK", false, true),
            ("PREPARE TRANSACTION 'x'", "PREPARE TRANSACTION", false, true),
            ("SELECT 1; COMMIT", "COMMIT", false, false),
            ("COMMIT; BEGIN", "COMMIT", false, false),
            ("BEGIN; INSERT INTO t VALUES (1); COMMIT", "BEGIN", true, false),
            ("INSERT INTO t VALUES ($$;$$, 'it''s;', E'\\';', \"a;\"); END", "END", false, false),
            ("SELECT $x$ ; $$ ; $x$; ROLLBACK", "ROLLBACK", false, false),
            (
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END; COMMIT",
                "COMMIT",
                false,
                false,
            ),
        ] {
            let expected = Some(Control { command, begins, is_alone });
            assert_eq!(transaction_control(sql, true), expected, "{sql}");
            if is_alone {
                assert_eq!(transaction_control(sql, false), expected, "{sql}");
            }
        }
    }

    #[test]
    fn test_transaction_control_of_other_statements_is_none() {
        for sql in [
            "",
            ";",
            "-- COMMIT",
            "/* COMMIT",
            "SELECT 1",
            "SELECT 'x; COMMIT'",
            "SELECT $1; SELECT $$; COMMIT; $$",
            "SELECT 1 -- ; COMMIT",
            "SELECT 1 AS begin; SELECT 2 AS commit",
            "SAVEPOINT a; RELEASE a",
            "ROLLBACK TO a",
            "rollback work to savepoint a",
            "ROLLBACK PREPARED 'x'",
            "COMMIT PREPARED 'x'",
            "PREPARE p AS SELECT 1",
            "\"begin\"",
            "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); DELETE FROM t; END",
            "CREATE RULE r AS ON INSERT TO t DO (DELETE FROM u; COMMIT)",
            "DO $body$ BEGIN COMMIT; END $body$",
            "SELECT 'never ends; COMMIT",
        ] {
            assert_eq!(transaction_control(sql, true), None, "{sql}");
        }
    }
}

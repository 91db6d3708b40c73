//! Names of tables and columns, quoted as SQL wants them.

use std::fmt;

use crate::error::{Error, Result};

/// The bytes that the server keeps of an identifier, `NAMEDATALEN - 1`: it cuts a longer one, which then names something
/// else. A server may be compiled with another limit, which howdah does not ask for.
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
pub const LONGEST: usize = 63;

/// Refuses an identifier that the server would cut.
///
/// # Errors
/// When it is longer than [`LONGEST`].
pub fn refuse_long(what: &str, name: &str) -> Result<()> {
    too_long(what, name).map_or(Ok(()), |problem| Err(Error::Interface(problem)))
}

/// What is wrong with an identifier that the server would cut.
#[must_use]
pub fn too_long(what: &str, name: &str) -> Option<String> {
    (name.len() > LONGEST).then(|| {
        format!(
            "{what} \"{name}\" is over {LONGEST} bytes long, and the server keeps no more of a name; give a shorter one"
        )
    })
}

/// A table's name, with its schema where one was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// The schema; `None` leaves it to the search path.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
}

/// A name that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadName(String);

impl TableName {
    /// Reads `table`, `schema.table`, or either with parts in double quotes. A part without quotes
    /// is taken as it stands, with its capitals.
    ///
    /// # Errors
    /// When a part is empty or longer than [`LONGEST`], a quote is left open, or there are more than two parts.
    pub fn parse(text: &str) -> std::result::Result<Self, BadName> {
        let name = Self::split(text)?;
        let schema = name.schema.as_deref().and_then(|schema| too_long("schema", schema));
        match schema.or_else(|| too_long("table", &name.table)) {
            Some(problem) => Err(BadName(problem)),
            None => Ok(name),
        }
    }

    /// Reads a name that may be too long.
    ///
    /// # Errors
    /// As [`TableName::parse`].
    pub fn split(text: &str) -> std::result::Result<Self, BadName> {
        let bad = |why: &str| BadName(format!("table name {text:?}: {why}"));
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let (part, tail) = if let Some(quoted) = rest.strip_prefix('"') {
                unquoted(quoted).ok_or_else(|| bad("a quote is left open"))?
            } else {
                let (part, tail) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
                (part.to_owned(), tail)
            };
            if part.is_empty() {
                return Err(bad("a part is empty"));
            }
            if part.contains('\0') {
                return Err(bad("it holds the character NUL"));
            }
            parts.push(part);
            match tail.strip_prefix('.') {
                Some(tail) => rest = tail,
                None if tail.is_empty() => break,
                None => return Err(bad("expected a dot after a quoted part")),
            }
        }
        let table = parts.pop().unwrap_or_default();
        let schema = parts.pop();
        if parts.is_empty() {
            Ok(Self { schema, table })
        } else {
            Err(bad("expected schema.table at most"))
        }
    }

    /// The same schema with another table.
    #[must_use]
    pub fn sibling(&self, table: String) -> Self {
        Self { schema: self.schema.clone(), table }
    }
}

/// What stands before the closing quote, and what after it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"')?;
        name.push_str(rest.get(..end)?);
        rest = rest.get(end + 1..)?;
        match rest.strip_prefix('"') {
            Some(tail) => {
                name.push('"');
                rest = tail;
            }
            None => return Some((name, rest)),
        }
    }
}

/// In quotes, as SQL takes it.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", Quoted(schema))?;
        }
        write!(f, "{}", Quoted(&self.table))
    }
}

/// A name in double quotes.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn test_parse_of_names_keeps_capitals_and_quotes() {
        for (text, shown) in [
            ("t", "\"t\""),
            ("s.t", "\"s\".\"t\""),
            ("My Table", "\"My Table\""),
            ("\"a.b\".\"c\"\"d\"", "\"a.b\".\"c\"\"d\""),
            ("s.\"T\"", "\"s\".\"T\""),
        ] {
            assert_eq!(TableName::parse(text).unwrap().to_string(), shown, "{text}");
        }
        for text in ["", ".", "a.", ".a", "a.b.c", "\"a", "\"a\"b", "a\0b"] {
            assert!(TableName::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn test_parse_of_a_part_over_63_bytes_is_refused() {
        let (longest, over) = ("ä".repeat(31) + "x", "ä".repeat(32));
        assert!(TableName::parse(&format!("{longest}.{longest}")).is_ok());
        for text in [over.clone(), format!("s.{over}"), format!("{over}.t"), format!("\"{over}\"")]
        {
            let error = TableName::parse(&text).unwrap_err().to_string();
            assert!(error.contains("is over 63 bytes long"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn test_parse_of_what_is_displayed_is_the_same(schema in "[^\0]{1,9}", table in "[^\0]{1,9}") {
            let name = TableName { schema: Some(schema), table };
            prop_assert_eq!(TableName::parse(&name.to_string()), Ok(name));
        }
    }
}

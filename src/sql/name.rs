//! Table names and quoted identifiers.

use std::fmt;

use crate::error::{Error, Result};

/// The greatest length of an identifier in bytes, `NAMEDATALEN - 1`: the server cuts longer ones,
/// which then name other objects. A server may be compiled with another limit, which howdah does
/// not query.
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
pub const MAX_IDENTIFIER_BYTES: usize = 63;

/// Refuses an identifier that the server would cut.
///
/// # Errors
/// When it is longer than [`MAX_IDENTIFIER_BYTES`].
pub fn check_length(what: &str, name: &str) -> Result<()> {
    length_error(what, name).map_or(Ok(()), |problem| Err(Error::Interface(problem)))
}

/// The error message for an identifier that the server would cut; `None` if it would not.
#[must_use]
pub fn length_error(what: &str, name: &str) -> Option<String> {
    (name.len() > MAX_IDENTIFIER_BYTES).then(|| {
        format!(
            "{what} \"{name}\" is over {MAX_IDENTIFIER_BYTES} bytes long, the server's limit for names; choose a shorter one"
        )
    })
}

/// A table's name, with its schema where one was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// The schema; `None` to use the search path.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
}

/// A table name that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadName(String);

impl TableName {
    /// Parses `table` or `schema.table`, where each part may be in double quotes. A part without
    /// quotes is taken as it is, with its case.
    ///
    /// # Errors
    /// When a part is empty or longer than [`MAX_IDENTIFIER_BYTES`], a quote is not closed, or
    /// there are more than two parts.
    pub fn parse(text: &str) -> std::result::Result<Self, BadName> {
        let name = Self::split(text)?;
        let schema = name.schema.as_deref().and_then(|schema| length_error("schema", schema));
        match schema.or_else(|| length_error("table", &name.table)) {
            Some(problem) => Err(BadName(problem)),
            None => Ok(name),
        }
    }

    /// [`TableName::parse`] without the check of the length.
    pub fn split(text: &str) -> std::result::Result<Self, BadName> {
        let bad = |why: &str| BadName(format!("table name {text:?}: {why}"));
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let (part, after) = if let Some(quoted) = rest.strip_prefix('"') {
                unquoted(quoted).ok_or_else(|| bad("a quote is not closed"))?
            } else {
                let (part, after) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
                (part.to_owned(), after)
            };
            if part.is_empty() {
                return Err(bad("a part is empty"));
            }
            if part.contains('\0') {
                return Err(bad("it contains the character NUL"));
            }
            parts.push(part);
            match after.strip_prefix('.') {
                Some(after) => rest = after,
                None if after.is_empty() => break,
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

    /// Another table in the same schema.
    #[must_use]
    pub fn sibling(&self, table: String) -> Self {
        Self { schema: self.schema.clone(), table }
    }
}

/// Splits at the closing quote: the unquoted identifier, and the rest.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"')?;
        name.push_str(rest.get(..end)?);
        rest = rest.get(end + 1..)?;
        match rest.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, rest)),
        }
    }
}

/// The name in double quotes, for use in SQL.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", Quoted(schema))?;
        }
        write!(f, "{}", Quoted(&self.table))
    }
}

/// An identifier, displayed in double quotes.
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
    fn test_parse_of_names_preserves_case_and_quotes() {
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
        fn test_parse_of_displayed_name_round_trips(schema in "[^\0]{1,9}", table in "[^\0]{1,9}") {
            let name = TableName { schema: Some(schema), table };
            prop_assert_eq!(TableName::parse(&name.to_string()), Ok(name));
        }
    }
}

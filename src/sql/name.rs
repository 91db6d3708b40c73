//! Names of tables and columns, quoted as SQL wants them.

use std::fmt;

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
    /// When a part is empty, a quote is left open, or there are more than two parts.
    pub fn parse(text: &str) -> Result<Self, BadName> {
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

    proptest! {
        #[test]
        fn test_parse_of_what_is_displayed_is_the_same(schema in "[^\0]{1,9}", table in "[^\0]{1,9}") {
            let name = TableName { schema: Some(schema), table };
            prop_assert_eq!(TableName::parse(&name.to_string()), Ok(name));
        }
    }
}

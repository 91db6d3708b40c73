//! Keyword/value connection strings:
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE>.

use super::uri::{Pairs, is_space};

/// Reads `name = value` pairs; a value may be quoted. Errors do not show the text, which may have a password.
pub(super) fn parse(text: &str) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || is_space(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let after = after.trim_start_matches(is_space);
        let value = after.strip_prefix('=').ok_or("a name without a value")?;
        if name.is_empty() {
            return Err("a value without a name".to_owned());
        }
        let (value, after) = value_of(value.trim_start_matches(is_space))?;
        pairs.push((name.to_owned(), value));
        rest = after.trim_start_matches(is_space);
    }
    Ok(pairs)
}

/// A value, and the text after it.
fn value_of(text: &str) -> Result<(String, &str), String> {
    let (quoted, body) = match text.strip_prefix('\'') {
        Some(body) => (true, body),
        None => (false, text),
    };
    let mut value = String::new();
    let mut characters = body.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, escaped)) => value.push(escaped),
                None => return Err("a backslash at the end".to_owned()),
            },
            '\'' if quoted => return Ok((value, body.get(at + 1..).unwrap_or_default())),
            space if is_space(space) && !quoted => {
                return Ok((value, body.get(at..).unwrap_or_default()));
            }
            character => value.push(character),
        }
    }
    if quoted { Err("a quote that does not close".to_owned()) } else { Ok((value, "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_parse_of_quotes_spaces_and_backslashes_gives_values() {
        let pairs = parse(r"host=a  port = 5432 password='a b\'c\\d' user=x\ y dbname=''").unwrap();
        let shown: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["host=a", "port=5432", r"password=a b'c\d", "user=x y", "dbname="]);
        assert_eq!(parse("  ").unwrap(), []);
        let odd = parse("password=a\u{a0}b'c\\'d\tuser='x'port=1").unwrap();
        let shown: Vec<_> = odd.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["password=a\u{a0}b'c'd", "user=x", "port=1"]);
    }

    #[test]
    fn test_parse_of_bad_strings_shows_nothing_of_them() {
        for text in
            ["password=hunter2 nonsense", "=hunter2", "password='hunter2", "password=hunter2\\"]
        {
            let error = parse(text).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

//! Connection strings of names and values, as
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE>
//! has them.

use super::uri::Pairs;

/// Reads `name = value` pairs; a value may stand in quotes. Errors do not show what was read.
pub(super) fn parse(text: &str) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let after = after.trim_start();
        let value = after.strip_prefix('=').ok_or("a name without a value")?;
        if name.is_empty() {
            return Err("a value without a name".to_owned());
        }
        let (value, after) = value_of(value.trim_start())?;
        pairs.push((name.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// A value, and what follows it.
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
            space if space.is_whitespace() && !quoted => {
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

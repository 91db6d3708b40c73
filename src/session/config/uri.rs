//! Connection URIs: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>.

/// Names and values; several hosts and ports are separated by commas.
pub(super) type Pairs = Vec<(String, String)>;

/// Whether C's `isspace` is true of a character, as in libpq; a password may have other spaces in it.
pub(super) fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b'
}

/// The text after `postgresql://` or `postgres://`; `None` if it is not a URI.
pub(super) fn rest(text: &str) -> Option<&str> {
    text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"))
}

/// Reads the text after the scheme. Errors do not show it, because it may have a password.
pub(super) fn parse(rest: &str) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    // A password may have a question mark in it; a slash or an @ must be percent-encoded.
    let at = rest.find(['@', '/']).filter(|at| rest.get(*at..).is_some_and(|r| r.starts_with('@')));
    let rest = match at.and_then(|at| Some((rest.get(..at)?, rest.get(at + 1..)?))) {
        Some((who, rest)) => {
            let (user, password) = who.split_once(':').unwrap_or((who, ""));
            push(&mut pairs, "user", user)?;
            push(&mut pairs, "password", password)?;
            rest
        }
        None => rest,
    };
    let (hosts, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (database, query) = rest.split_once('?').unwrap_or((rest, ""));
    let database = database.strip_prefix('/').unwrap_or_default();
    if hosts.contains('@') {
        return Err("a second @; write one in the user's name or password as %40".to_owned());
    }
    push_hosts(&mut pairs, hosts)?;
    push(&mut pairs, "dbname", database)?;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or("an option without a value")?;
        match (decoded(name)?, decoded(value)?) {
            (name, _) if name.is_empty() => return Err("a value without a name".to_owned()),
            // JDBC's spelling, as in libpq.
            (name, value) if name == "ssl" && value == "true" => {
                pairs.push(("sslmode".to_owned(), "require".to_owned()));
            }
            pair => pairs.push(pair),
        }
    }
    Ok(pairs)
}

/// Adds a value, unless it is empty.
fn push(pairs: &mut Pairs, name: &str, value: &str) -> Result<(), String> {
    if !value.is_empty() {
        pairs.push((name.to_owned(), decoded(value)?));
    }
    Ok(())
}

fn push_hosts(pairs: &mut Pairs, hosts: &str) -> Result<(), String> {
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, rest) = match host.strip_prefix('[') {
            Some(rest) if rest.starts_with(']') => return Err("empty brackets".to_owned()),
            Some(rest) => rest.split_once(']').ok_or("an address without its closing bracket")?,
            None => host.split_at(host.find(':').unwrap_or(host.len())),
        };
        let port = match rest.strip_prefix(':') {
            Some(port) => port,
            None if rest.is_empty() => "",
            None => return Err("something after an address in brackets".to_owned()),
        };
        names.push(decoded(name)?);
        ports.push(decoded(port)?);
    }
    for (name, values) in [("host", names), ("port", ports)] {
        if values.len() > 1 || values.iter().any(|value| !value.is_empty()) {
            pairs.push((name.to_owned(), values.join(",")));
        }
    }
    Ok(())
}

/// Decodes percent signs, and removes space at the ends that is not percent-encoded.
fn decoded(text: &str) -> Result<String, String> {
    let text = text.trim_matches(is_space);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err("a % that is not followed by two hexadecimal digits".to_owned());
        };
        match u8::try_from(high * 16 + low) {
            Ok(byte) if byte != 0 => bytes.push(byte),
            _ => return Err("a %00".to_owned()),
        }
    }
    String::from_utf8(bytes).map_err(|_| "text that is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str) -> Vec<String> {
        let pairs = parse(rest(uri).unwrap()).unwrap();
        pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn test_parse_of_libpq_examples_returns_their_parts() {
        for (uri, parts) in [
            ("postgresql://", &[][..]),
            ("postgresql://localhost", &["host=localhost"]),
            ("postgresql://localhost:5433", &["host=localhost", "port=5433"]),
            ("postgres://localhost/mydb", &["host=localhost", "dbname=mydb"]),
            ("postgresql://user@localhost", &["user=user", "host=localhost"]),
            (
                "postgresql://user:s%40cret@localhost",
                &["user=user", "password=s@cret", "host=localhost"],
            ),
            (
                "postgresql://other@localhost/otherdb?connect_timeout=10&application_name=myapp",
                &[
                    "user=other",
                    "host=localhost",
                    "dbname=otherdb",
                    "connect_timeout=10",
                    "application_name=myapp",
                ],
            ),
            (
                "postgresql://host1:123,host2:456/somedb?target_session_attrs=any",
                &["host=host1,host2", "port=123,456", "dbname=somedb", "target_session_attrs=any"],
            ),
            (
                "postgresql:///mydb?host=localhost&port=5433",
                &["dbname=mydb", "host=localhost", "port=5433"],
            ),
            ("postgresql://[2001:db8::1234]/database", &["host=2001:db8::1234", "dbname=database"]),
            ("postgresql://[::1]:5433,b", &["host=::1,b", "port=5433,"]),
            (
                "postgresql://%2Fvar%2Flib%2Fpostgresql/dbname",
                &["host=/var/lib/postgresql", "dbname=dbname"],
            ),
            ("postgresql://h/d?ssl=true", &["host=h", "dbname=d", "sslmode=require"]),
            (
                "postgresql://u:a?b#c=d&e@h?port=1",
                &["user=u", "password=a?b#c=d&e", "host=h", "port=1"],
            ),
            ("postgresql://h?user=a@b/c", &["user=h?user=a", "host=b", "dbname=c"]),
            ("postgresql://u:@a,b", &["user=u", "host=a,b", "port=,"]),
            ("postgresql:///?host=/tmp&options=-c%20a%3Db", &["host=/tmp", "options=-c a=b"]),
            (
                "postgresql:// u:%20p @h / d ?port= 1 ",
                &["user=u", "password= p", "host=h", "dbname=d", "port=1"],
            ),
            ("postgresql://h/a+b", &["host=h", "dbname=a+b"]),
        ] {
            assert_eq!(read(uri), parts, "{uri}");
        }
    }

    #[test]
    fn test_parse_errors_of_uris_do_not_show_the_uri() {
        for uri in [
            "u:hunter2@[::1",
            "u:hunter2@[]",
            "u:hunter2%zz@h",
            "u:hunter2%f@h",
            "u:hunter2@h?x",
            "u:hunter2@h?=x",
            "u:hunter2%00@h",
            "u:hunter2%ff@h",
            "u:p@hunter2@h",
            "[::1]x",
        ] {
            let error = parse(uri).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

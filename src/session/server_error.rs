//! Parses `ErrorResponse` and `NoticeResponse`, and adds hints.

use crate::error::{Class, Error, ServerError, class_of};
use crate::wire::message::fields;

use super::config::Address;
use super::statements::STATEMENT_PREFIX;

/// Parses an `ErrorResponse` or a `NoticeResponse`.
pub(super) fn parse_error_response(body: &[u8]) -> ServerError {
    let mut error = ServerError::default();
    let mut context = String::new();
    for (kind, text) in fields(body) {
        let text = text.into_owned();
        match kind {
            b'C' => error.sqlstate = text,
            b'M' => error.message = text,
            b'D' => error.detail = Some(text),
            b'H' => error.hint = Some(text),
            b'P' => error.position = text.parse().ok(),
            b'W' => context = text,
            b't' => error.table = Some(text),
            b'c' => error.column = Some(text),
            b'n' => error.constraint = Some(text),
            _ => {}
        }
    }
    if error.message.is_empty() {
        error.message = "the server reported an error without a message".into();
    }
    if error.hint.is_none() {
        error.hint = hint_for(&error);
    }
    let (row, column) = copy_position(&context);
    error.row = row;
    error.column = error.column.or(column);
    error
}

/// A hint for errors without one that a setting or a cast avoids. The server translates its messages, so only names and numbers in them
/// are looked at; PgBouncer's are always in English.
fn hint_for(error: &ServerError) -> Option<String> {
    let number = || {
        let (_, rest) = error.message.split_once('$')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..digits).filter(|digits| !digits.is_empty())
    };
    match error.sqlstate.as_str() {
        "42P18" | "42P08" => {
            let number = number().unwrap_or("1");
            Some(format!("give its type by a cast, such as ${number}::int"))
        }
        "42P05" | "26000" if error.message.contains(STATEMENT_PREFIX) => Some(
            "if the connection goes through PgBouncer, add ?pgbouncer=true to the URL, or pass statement_cache_size=0: statements are not cached then"
                .to_owned(),
        ),
        _ if error.message.starts_with("unsupported startup parameter") => Some(
            "if the connection goes through PgBouncer, add ?pgbouncer=true to the URL: statement_timeout is not sent then, and statements are not cached (as with statement_cache_size=0); put other parameters into PgBouncer's ignore_startup_parameters"
                .to_owned(),
        ),
        _ => None,
    }
}

/// The severity, in English (since PostgreSQL 9.6), else translated.
pub(super) fn severity(body: &[u8]) -> String {
    let of = |kind| fields(body).find(|(k, _)| *k == kind).map(|(_, text)| text.into_owned());
    of(b'V').or_else(|| of(b'S')).unwrap_or_default()
}

/// Adds the server's address to an error of a login.
pub(super) fn at_startup(error: Error, address: &Address) -> Error {
    match error {
        Error::Server(mut server) if class_of(&server.sqlstate) != Class::Connection => {
            server.message = format!("{address} refused the login: {}", server.message);
            Error::Server(server)
        }
        Error::Server(server) => cannot_connect(address, &server.to_string()),
        Error::Connection(reason) | Error::Internal(reason) => cannot_connect(address, &reason),
        Error::NotSupported(reason) => Error::NotSupported(format!("{address}: {reason}")),
        error => error,
    }
}

/// An error that says what to check.
pub(super) fn cannot_connect(address: &Address, reason: &str) -> Error {
    Error::Connection(format!("cannot connect to {address}: {reason}; {}", address.what_to_check()))
}

/// The row, from 0, and the column in the context of an error in a COPY: `COPY t, line 5, column c`. The server translates the words;
/// the commas and the number stay. `CopyFromErrorCallback`
/// of <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/commands/copyfrom.c>.
fn copy_position(context: &str) -> (Option<u64>, Option<String>) {
    let Some(line) = context.lines().find_map(|line| line.strip_prefix("COPY ")) else {
        return (None, None);
    };
    let mut parts = line.split(", ").skip(1);
    let word = |word: &str| word.trim_end_matches(':').parse::<u64>().ok();
    let number = |part: &str| part.split_whitespace().find_map(word);
    let row = parts.find_map(number).and_then(|line| line.checked_sub(1));
    let column = parts.next().and_then(|part| Some(part.split_once(' ')?.1));
    let column = column.map(|name| name.split(':').next().unwrap_or(name).to_owned());
    (row, column.filter(|_| row.is_some()))
}

#[cfg(test)]
mod tests {
    use super::{ServerError, copy_position, hint_for};

    #[test]
    fn test_hint_is_only_given_for_own_statements_and_types() {
        let error = |sqlstate: &str, message: &str| {
            let (sqlstate, message) = (sqlstate.to_owned(), message.to_owned());
            hint_for(&ServerError { sqlstate, message, ..Default::default() }).unwrap_or_default()
        };
        for (sqlstate, message, part) in [
            ("42P18", "could not determine data type of parameter $12", "$12::int"),
            ("42P08", "inkonsistente Typen für Parameter $2 ermittelt", "$2::int"),
            ("42P18", "could not determine it", "$1::int"),
            (
                "42P05",
                "prepared statement \"howdah_statement_1\" already exists",
                "?pgbouncer=true",
            ),
            ("26000", "Prepared Statement »howdah_statement_7« nicht da", "statement_cache_size=0"),
            ("08P01", "unsupported startup parameter: statement_timeout", "?pgbouncer=true"),
        ] {
            assert!(error(sqlstate, message).contains(part), "{message}");
        }
        assert_eq!(error("26000", "prepared statement \"mine\" does not exist"), "");
        assert_eq!(error("42P01", "relation \"howdah_statement_1\" does not exist"), "");
    }

    #[test]
    fn test_copy_position_of_contexts_is_row_and_column() {
        for (context, row, column) in [
            ("COPY t, line 5, column c", Some(4), Some("c")),
            ("COPY t, line 5", Some(4), None),
            ("COPY t, line 5: \"1,2\"", Some(4), None),
            ("COPY t, line 12, column a b: \"x\"", Some(11), Some("a b")),
            ("COPY t, Zeile 7, Spalte c", Some(6), Some("c")),
            ("PL/pgSQL function f() line 3 at RAISE\nCOPY t, line 2", Some(1), None),
            ("PL/pgSQL function f() line 3 at RAISE", None, None),
            ("", None, None),
        ] {
            assert_eq!(copy_position(context), (row, column.map(str::to_owned)), "{context}");
        }
    }
}

//! What the server says of a failure, as the crate's error.

use crate::error::{Class, Error, ServerError, class_of};
use crate::wire::message::fields;

use super::client::STATEMENT_PREFIX;
use super::config::Address;

/// Reads an `ErrorResponse` or a `NoticeResponse`.
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

/// A hint of ours where the server has none, and the way out is a setting or a cast. The server's words are in its own
/// language; names and numbers are not, and PgBouncer speaks English alone.
fn hint_for(error: &ServerError) -> Option<String> {
    let number = || {
        let (_, rest) = error.message.split_once('$')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..digits).filter(|digits| !digits.is_empty())
    };
    match error.sqlstate.as_str() {
        "42P18" | "42P08" => {
            let number = number().unwrap_or("1");
            Some(format!("tell its type by a cast, such as ${number}::int"))
        }
        "42P05" | "26000" if error.message.contains(STATEMENT_PREFIX) => Some(
            "where PgBouncer stands between, add ?pgbouncer=true to the URL, or pass statement_cache_size=0: no statement is then kept prepared"
                .to_owned(),
        ),
        _ if error.message.starts_with("unsupported startup parameter") => Some(
            "where PgBouncer stands between, add ?pgbouncer=true to the URL: statement_timeout is then not sent, and no statement is kept prepared (as with statement_cache_size=0); other parameters are for PgBouncer's ignore_startup_parameters"
                .to_owned(),
        ),
        _ => None,
    }
}

/// The severity, untranslated where the server tells it so.
pub(super) fn severity(body: &[u8]) -> String {
    let of = |kind| fields(body).find(|(k, _)| *k == kind).map(|(_, text)| text.into_owned());
    of(b'V').or_else(|| of(b'S')).unwrap_or_default()
}

/// A failure while a connection is set up.
pub(super) fn at_startup(error: Error, address: &Address) -> Error {
    match error {
        Error::Server(mut server) if class_of(&server.sqlstate) != Class::Connection => {
            server.message = format!("{address} turned us away: {}", server.message);
            Error::Server(server)
        }
        Error::Server(server) => cannot_connect(address, &server.to_string()),
        Error::Connection(reason) | Error::Internal(reason) => cannot_connect(address, &reason),
        Error::NotSupported(reason) => Error::NotSupported(format!("{address}: {reason}")),
        error => error,
    }
}

/// No connection, and what to check.
pub(super) fn cannot_connect(address: &Address, reason: &str) -> Error {
    Error::Connection(format!("cannot connect to {address}: {reason}; {}", address.what_to_check()))
}
/// The row, from 0, and the column that a COPY context names: `COPY t, line 5, column c`. The
/// words are translated by the server; the commas and the number are not. `CopyFromErrorCallback`
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
    fn test_way_out_is_told_of_our_statements_and_of_types_alone() {
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
    fn test_copied_of_contexts_tells_row_and_column() {
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

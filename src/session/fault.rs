//! What the server says of a failure, as the crate's error.

use crate::error::{Class, Error, ServerError, class_of};
use crate::wire::message::fields;

use super::config::Address;

/// Reads an `ErrorResponse` or a `NoticeResponse`.
pub(super) fn told(body: &[u8]) -> ServerError {
    let mut told = ServerError::default();
    let mut context = String::new();
    for (kind, text) in fields(body) {
        let text = text.into_owned();
        match kind {
            b'C' => told.sqlstate = text,
            b'M' => told.message = text,
            b'D' => told.detail = Some(text),
            b'H' => told.hint = Some(text),
            b'P' => told.position = text.parse().ok(),
            b'W' => context = text,
            b't' => told.table = Some(text),
            b'c' => told.column = Some(text),
            b'n' => told.constraint = Some(text),
            _ => {}
        }
    }
    if told.message.is_empty() {
        told.message = "the server reported an error without a message".into();
    }
    let (row, column) = copied(&context);
    told.row = row;
    told.column = told.column.or(column);
    told
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
fn copied(context: &str) -> (Option<u64>, Option<String>) {
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
    use super::copied;

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
            assert_eq!(copied(context), (row, column.map(str::to_owned)), "{context}");
        }
    }
}

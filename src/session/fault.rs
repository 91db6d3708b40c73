//! What tokio-postgres says of a failure, as the crate's error.

use std::error::Error as _;

use tokio_postgres::error::{DbError, ErrorPosition};

use super::config::Address;
use crate::error::{Class, Error, ServerError, class_of};

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(server) = error.as_db_error() {
            return Self::Server(Box::new(told(server)));
        }
        let is_io = error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
        if error.is_closed() || is_io {
            return Self::Connection(reason(&error));
        }
        Self::Internal(reason(&error))
    }
}

/// A failure, with its cause last.
pub(super) fn reason(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(server) => format!("{} (SQLSTATE {})", server.message(), server.code().code()),
        None => match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    }
}

/// A failure while a connection is set up.
pub(super) fn at_startup(error: &tokio_postgres::Error, address: &Address) -> Error {
    if let Some(server) = error.as_db_error()
        && class_of(server.code().code()) != Class::Connection
    {
        let mut told = told(server);
        told.message = format!("{address} turned us away: {}", told.message);
        return Error::Server(Box::new(told));
    }
    let message =
        format!("cannot connect to {address}: {}; {}", reason(error), address.what_to_check());
    Error::Connection(message)
}

fn told(server: &DbError) -> ServerError {
    let position = server.position().and_then(|position| match position {
        ErrorPosition::Original(position) => Some(*position),
        ErrorPosition::Internal { .. } => None,
    });
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let (row, column) = copied(server.where_().unwrap_or_default());
    ServerError {
        sqlstate: server.code().code().to_owned(),
        message: server.message().to_owned(),
        detail: owned(server.detail()),
        hint: owned(server.hint()),
        position,
        table: owned(server.table()),
        column: owned(server.column()).or(column),
        constraint: owned(server.constraint()),
        row,
    }
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

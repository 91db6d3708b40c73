//! The error type of the crate, with the classification of SQLSTATEs.

mod edit_distance;

use std::fmt;

pub use edit_distance::edit_distance;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The library was used wrongly, such as after the database was closed.
    #[error("{0}")]
    Interface(String),
    /// A statement, a table or a set of columns is wrong.
    #[error("{0}")]
    Programming(String),
    /// This version does not support it.
    #[error("{0}")]
    NotSupported(String),
    /// A value cannot be converted exactly.
    #[error("{0}")]
    Value(Box<ValueError>),
    /// There is no connection, or it was lost.
    #[error("{0}")]
    Connection(String),
    /// The server reported an error.
    #[error("{0}")]
    Server(Box<ServerError>),
    /// The caller asked to stop, and the statement was cancelled at the server.
    #[error("interrupted")]
    Interrupted,
    /// The caller asked to stop after the statement or load had been committed.
    #[error("{0}; it came too late: what it interrupted is committed")]
    Committed(Box<Error>),
    /// It is unknown whether the server committed: its response was lost, or did not arrive in
    /// time.
    #[error("{0}")]
    OutcomeUnknown(Box<Error>),
    /// The source of the rows failed with an error of its own.
    #[error("{0}")]
    Source(Box<dyn std::error::Error + Send + Sync>),
    /// A bug in this crate, or invalid bytes from the server.
    #[error("{0}")]
    Internal(String),
}

/// A value that cannot be converted, with its table, column and row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValueError {
    /// The table being loaded, where there is one.
    pub table: Option<String>,
    /// The column, by its name at the server.
    pub column: Option<String>,
    /// The row, counted from 0 in the caller's input or the query's result.
    pub row: Option<u64>,
    /// What was expected, what was found, and what to do.
    pub message: String,
    /// Whether the value has a wrong type, and not only one out of range.
    pub wrong_type: bool,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(table) = &self.table {
            write!(f, "table \"{table}\"")?;
            separator = ", ";
        }
        if let Some(column) = &self.column {
            write!(f, "{separator}column \"{column}\"")?;
            separator = ", ";
        }
        if let Some(row) = self.row {
            write!(f, "{separator}row {row}")?;
            separator = ", ";
        }
        let colon = if separator.is_empty() { "" } else { ": " };
        write!(f, "{colon}{}", self.message)
    }
}

/// An error that the server reported.
///
/// Fields as in <https://www.postgresql.org/docs/current/protocol-error-fields.html>.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerError {
    /// The five characters of the SQLSTATE.
    pub sqlstate: String,
    /// The primary message.
    pub message: String,
    /// The detail. That of a violated constraint contains values of the row, and is never part of
    /// the message.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The position in the statement, in characters from 1.
    pub position: Option<u32>,
    /// The table the error is about.
    pub table: Option<String>,
    /// The column the error is about.
    pub column: Option<String>,
    /// The constraint the error is about.
    pub constraint: Option<String>,
    /// The input row, counted from 0, if the error's context has a COPY line number.
    pub row: Option<u64>,
}

impl ServerError {
    /// Whether the detail contains values of a row, such as "Failing row contains (…)" or "Key
    /// (email)=(…) already exists", in any language. Messages are sent to clients and written to
    /// logs, and must not contain them. All errors of the class 23 and 44000 (`WITH CHECK OPTION`)
    /// have such details.
    fn has_secret_detail(&self) -> bool {
        matches!(self.sqlstate.get(..2), Some("23" | "44"))
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(row) = self.row {
            match &self.column {
                Some(column) => write!(f, "column \"{column}\", row {row}: ")?,
                None => write!(f, "row {row}: ")?,
            }
        }
        f.write_str(&self.message)?;
        if let Some(detail) = self.detail.as_ref().filter(|_| !self.has_secret_detail()) {
            write!(f, "; {detail}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

/// The classes of database errors that callers distinguish (PEP 249, with integrity errors split
/// up).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The server, its resources or the session.
    Operational,
    /// The connection: refused, reset, closed by the server.
    Connection,
    /// A statement cancelled by a timeout or by the user.
    Timeout,
    /// A serialization failure or deadlock: safe to retry.
    Serialization,
    /// The statement itself, names or privileges.
    Programming,
    /// A value.
    Data,
    /// Another constraint than the next five.
    Integrity,
    /// A unique constraint or index.
    Unique,
    /// A foreign key.
    ForeignKey,
    /// NOT NULL.
    NotNull,
    /// A check constraint.
    Check,
    /// An exclusion constraint.
    Exclusion,
    /// The server's internal state.
    Internal,
    /// A feature that the server lacks.
    NotSupported,
}

/// The class of a SQLSTATE.
///
/// Source: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
#[must_use]
pub fn class_of(sqlstate: &str) -> Class {
    match sqlstate {
        "23505" => return Class::Unique,
        "23503" | "23001" => return Class::ForeignKey,
        "23502" => return Class::NotNull,
        "23514" => return Class::Check,
        "23P01" => return Class::Exclusion,
        "40001" | "40P01" => return Class::Serialization,
        "57014" | "25P03" | "25P04" | "55P03" => return Class::Timeout,
        "57P01" | "57P02" | "57P03" | "57P04" | "57P05" => return Class::Connection,
        _ => {}
    }
    match sqlstate.get(..2).unwrap_or("") {
        "08" => Class::Connection,
        "0A" => Class::NotSupported,
        "21" | "22" => Class::Data,
        "23" | "27" | "44" => Class::Integrity,
        "03" | "07" | "09" | "0Z" | "10" | "20" | "26" | "2F" | "34" | "38" | "39" | "3D"
        | "3F" | "42" => Class::Programming,
        "24" | "25" | "2B" | "2D" | "3B" | "F0" | "XX" => Class::Internal,
        _ => Class::Operational,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_class_of_every_sqlstate_class_is_that_of_the_table() {
        let table = [
            ("03000", Class::Programming),
            ("08006", Class::Connection),
            ("0A000", Class::NotSupported),
            ("22003", Class::Data),
            ("21000", Class::Data),
            ("23000", Class::Integrity),
            ("23505", Class::Unique),
            ("23503", Class::ForeignKey),
            ("23001", Class::ForeignKey),
            ("23502", Class::NotNull),
            ("23514", Class::Check),
            ("23P01", Class::Exclusion),
            ("25P02", Class::Internal),
            ("28P01", Class::Operational),
            ("2BP01", Class::Internal),
            ("3D000", Class::Programming),
            ("3F000", Class::Programming),
            ("40001", Class::Serialization),
            ("40P01", Class::Serialization),
            ("40002", Class::Operational),
            ("42501", Class::Programming),
            ("42P01", Class::Programming),
            ("44000", Class::Integrity),
            ("53300", Class::Operational),
            ("54000", Class::Operational),
            ("55000", Class::Operational),
            ("57014", Class::Timeout),
            ("57P01", Class::Connection),
            ("58030", Class::Operational),
            ("P0001", Class::Operational),
            ("XX000", Class::Internal),
            // The first code of every other class of the appendix.
            ("09000", Class::Programming),
            ("0B000", Class::Operational),
            ("0F000", Class::Operational),
            ("0L000", Class::Operational),
            ("0P000", Class::Operational),
            ("0Z000", Class::Programming),
            ("10608", Class::Programming),
            ("20000", Class::Programming),
            ("24000", Class::Internal),
            ("25000", Class::Internal),
            ("25P03", Class::Timeout),
            ("25P04", Class::Timeout),
            ("26000", Class::Programming),
            ("27000", Class::Integrity),
            ("28000", Class::Operational),
            ("2B000", Class::Internal),
            ("2D000", Class::Internal),
            ("2F000", Class::Programming),
            ("34000", Class::Programming),
            ("38000", Class::Programming),
            ("39000", Class::Programming),
            ("3B000", Class::Internal),
            ("40000", Class::Operational),
            ("42000", Class::Programming),
            ("53000", Class::Operational),
            ("55P03", Class::Timeout),
            ("57000", Class::Operational),
            ("57P02", Class::Connection),
            ("57P03", Class::Connection),
            ("57P04", Class::Connection),
            ("57P05", Class::Connection),
            ("58000", Class::Operational),
            ("F0000", Class::Internal),
            ("HV000", Class::Operational),
            ("P0000", Class::Operational),
            // Success, warnings and no data, which are not errors.
            ("00000", Class::Operational),
            ("01000", Class::Operational),
            ("02000", Class::Operational),
            ("", Class::Operational),
            ("é", Class::Operational),
        ];
        for (sqlstate, class) in table {
            assert_eq!(class_of(sqlstate), class, "{sqlstate}");
        }
    }

    #[test]
    fn test_server_error_display_hides_values_of_a_row() {
        let shown = |sqlstate: &str| {
            let (message, detail) =
                ("said".to_owned(), Some("Failing row contains (1).".to_owned()));
            ServerError { sqlstate: sqlstate.to_owned(), message, detail, ..Default::default() }
                .to_string()
        };
        for sqlstate in ["23000", "23502", "23503", "23505", "23514", "23P01", "44000"] {
            assert_eq!(shown(sqlstate), "said", "{sqlstate}");
        }
        assert_eq!(shown("22003"), "said; Failing row contains (1).");
    }

    #[test]
    fn test_value_error_display_names_the_place_first() {
        let error = ValueError {
            table: Some("t".into()),
            column: Some("age".into()),
            row: Some(17),
            message: "expected int4, got str".into(),
            wrong_type: true,
        };
        assert_eq!(
            error.to_string(),
            "table \"t\", column \"age\", row 17: expected int4, got str"
        );
    }
}

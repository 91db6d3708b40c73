//! Generates the names that PostgreSQL gives to unnamed constraints and indexes, so that existing
//! ones are recognized.

use crate::sql::name::MAX_IDENTIFIER_BYTES;

/// Joins the name of a table, those of columns and a label to a name of at most 63 bytes.
///
/// Like `makeObjectName` in
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/commands/indexcmds.c>: if
/// it is too long, the longer of the first two parts is cut.
#[must_use]
pub fn object_name(table: &str, columns: &str, label: &str) -> String {
    let overhead = label.len() + 1 + usize::from(!columns.is_empty());
    let (mut first, mut second) = (table.len(), columns.len());
    while first + second > MAX_IDENTIFIER_BYTES.saturating_sub(overhead) && first + second > 0 {
        if first > second { first -= 1 } else { second -= 1 }
    }
    let parts = [truncated(table, first), truncated(columns, second), label];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_")
}

/// Joins the names of several columns, as `ChooseIndexNameAddition` does.
pub(super) fn joined_names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut joined = String::new();
    for name in names {
        if !joined.is_empty() {
            joined.push('_');
        }
        joined.push_str(name);
        if joined.len() > MAX_IDENTIFIER_BYTES {
            break;
        }
    }
    joined
}

/// Cuts a text to at most `bytes` bytes, without splitting a character.
fn truncated(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

//! The names that PostgreSQL gives to what has none, made as it makes them: with them a constraint or an index is found
//! again.

use crate::sql::name::LONGEST;

/// A name of a table's, of what it is about, and of what it is.
///
/// As `makeObjectName` does in
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/commands/indexcmds.c>: where it is too long, the
/// longer of the first two parts is cut.
#[must_use]
pub fn object_name(table: &str, about: &str, label: &str) -> String {
    let overhead = label.len() + 1 + usize::from(!about.is_empty());
    let (mut first, mut second) = (table.len(), about.len());
    while first + second > LONGEST.saturating_sub(overhead) && first + second > 0 {
        if first > second { first -= 1 } else { second -= 1 }
    }
    let parts = [clipped(table, first), clipped(about, second), label];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_")
}

/// What several columns add to a name.
pub(super) fn addition<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut joined = String::new();
    for name in names {
        if !joined.is_empty() {
            joined.push('_');
        }
        joined.push_str(name);
        if joined.len() > LONGEST {
            break;
        }
    }
    joined
}

/// As many characters as fit into so many bytes.
fn clipped(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

//! Names that the server would cut: two of them may become one, which `IF NOT EXISTS` then leaves alone.

use super::Table;
use super::name::LONGEST;
use crate::error::{Error, Result};

/// Refuses names of tables, columns, constraints, indexes and enums that are too long.
pub(super) fn refuse(tables: &[Table]) -> Result<()> {
    for table in tables {
        let place = table.name.join(".");
        table.name.iter().try_for_each(|part| refuse_one(&place, "table", part))?;
        for column in &table.columns {
            refuse_one(&place, "column", &column.name)?;
            if column.labels.is_some() {
                let parts = parts(super::element(&column.sql_type));
                parts.iter().try_for_each(|part| refuse_one(&place, "enum", part))?;
            }
        }
        let constraints =
            table.constraints.iter().filter_map(|constraint| constraint.name.as_ref());
        constraints.into_iter().try_for_each(|name| refuse_one(&place, "constraint", name))?;
        let indexes = table.indexes.iter().filter_map(|index| index.name.as_ref());
        indexes.into_iter().try_for_each(|name| refuse_one(&place, "index", name))?;
    }
    Ok(())
}

fn refuse_one(place: &str, what: &str, name: &str) -> Result<()> {
    if name.len() <= LONGEST {
        return Ok(());
    }
    Err(Error::Interface(format!(
        "table {place}: expected names of at most {LONGEST} bytes, got {} for the {what} \"{name}\", which the server \
         would cut; give a shorter one",
        name.len()
    )))
}

/// The parts of a type's name, without their quotes.
fn parts(written: &str) -> Vec<String> {
    let (mut parts, mut is_quoted) = (vec![String::new()], false);
    let mut letters = written.chars().peekable();
    while let Some(letter) = letters.next() {
        let Some(last) = parts.last_mut() else { break };
        match letter {
            '"' if is_quoted && letters.next_if_eq(&'"').is_some() => last.push('"'),
            '"' => is_quoted = !is_quoted,
            '.' if !is_quoted => parts.push(String::new()),
            _ => last.push(letter),
        }
    }
    parts
}

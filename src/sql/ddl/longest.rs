//! Names that the server would cut: two of them may become one, which `IF NOT EXISTS` then leaves alone.

use super::{Rule, Table};
use crate::error::{Error, Result};
use crate::sql::name::too_long;
use crate::sql::type_name::parts;

/// Refuses names of tables, columns, constraints, indexes, sequences and enums that are too long, and labels of enums,
/// which the server refuses.
pub(super) fn refuse(tables: &[Table]) -> Result<()> {
    for table in tables {
        let place = table.name.join(".");
        let refuse = |what: &str, name: &str| match too_long(what, name) {
            Some(problem) => Err(Error::Interface(format!("table {place}: {problem}"))),
            None => Ok(()),
        };
        table.name.iter().try_for_each(|part| refuse("table", part))?;
        for column in &table.columns {
            refuse("column", &column.name)?;
            let parts = parts(super::element(&column.sql_type));
            let kind = if column.labels.is_some() { "enum" } else { "type" };
            parts.iter().try_for_each(|part| refuse(kind, part))?;
            let labels = column.labels.iter().flatten();
            labels.into_iter().try_for_each(|label| refuse("label", label))?;
            if let Some(super::Filled::Sequence(_, name)) = &column.filled {
                name.iter().try_for_each(|part| refuse("sequence", part))?;
            }
        }
        for constraint in &table.constraints {
            constraint.name.iter().try_for_each(|name| refuse("constraint", name))?;
            let columns = match &constraint.rule {
                Rule::Unique(columns) | Rule::ForeignKey(columns, _) => columns.as_slice(),
                Rule::Check(_) | Rule::Raw(_) => &[],
            };
            columns.iter().try_for_each(|name| refuse("column", name))?;
        }
        for index in &table.indexes {
            index.name.iter().try_for_each(|name| refuse("index", name))?;
            index.included.iter().try_for_each(|name| refuse("column", name))?;
        }
    }
    Ok(())
}

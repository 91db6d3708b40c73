//! Refuses identifiers that the server would cut: two could become the same, of which `IF NOT
//! EXISTS` would create only one.

use super::{Rule, Table};
use crate::error::{Error, Result};
use crate::sql::name::length_error;
use crate::sql::type_name::parts;

/// Refuses names of tables, columns, constraints, indexes, sequences and enums, and labels of
/// enums, that are too long.
pub(super) fn check(tables: &[Table]) -> Result<()> {
    for table in tables {
        let table_name = table.name.join(".");
        let check_name = |what: &str, name: &str| match length_error(what, name) {
            Some(problem) => Err(Error::Interface(format!("table {table_name}: {problem}"))),
            None => Ok(()),
        };
        table.name.iter().try_for_each(|part| check_name("table", part))?;
        for column in &table.columns {
            check_name("column", &column.name)?;
            let parts = parts(super::element(&column.sql_type));
            let kind = if column.labels.is_some() { "enum" } else { "type" };
            parts.iter().try_for_each(|part| check_name(kind, part))?;
            let labels = column.labels.iter().flatten();
            labels.into_iter().try_for_each(|label| check_name("label", label))?;
            if let Some(super::ColumnDefault::Sequence(_, name)) = &column.default {
                name.iter().try_for_each(|part| check_name("sequence", part))?;
            }
        }
        for constraint in &table.constraints {
            constraint.name.iter().try_for_each(|name| check_name("constraint", name))?;
            let columns = match &constraint.rule {
                Rule::Unique(columns) | Rule::ForeignKey(columns, _) => columns.as_slice(),
                Rule::Check(_) | Rule::Raw(_) => &[],
            };
            columns.iter().try_for_each(|name| check_name("column", name))?;
        }
        for index in &table.indexes {
            index.name.iter().try_for_each(|name| check_name("index", name))?;
            index.included.iter().try_for_each(|name| check_name("column", name))?;
        }
    }
    Ok(())
}

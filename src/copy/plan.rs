//! Matches the columns of a source with those of a target table, and encodes batches.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use postgres_types::Type;

use super::problems::Problems;
use crate::error::{Error, Result, ValueError, edit_distance};
use crate::types::{self, ColumnType, PgType, codec_for, load_codec_for};
use crate::wire::cells::{Cells, TooLong, interleave};

/// Rows that are encoded together: few enough that their cells stay in a core's cache until all
/// columns are written.
const BLOCK_ROWS: usize = 1024;

/// A table to load into, with the columns that it has at the server.
#[derive(Debug, Clone)]
pub struct Target {
    /// The table's name, for error messages; empty for columns that are not of a table.
    pub table: String,
    /// Its columns, in order.
    pub columns: Vec<TargetColumn>,
}

/// A column to load into.
#[derive(Debug, Clone)]
pub struct TargetColumn {
    /// Its name.
    pub name: String,
    /// Its type, with its modifier.
    pub declared: ColumnType,
    /// It is NOT NULL and has no default, so a load must include it.
    pub required: bool,
    /// GENERATED ALWAYS AS (expression): a load cannot include it.
    pub generated: bool,
    /// GENERATED ALWAYS AS IDENTITY: an INSERT needs OVERRIDING SYSTEM VALUE.
    pub identity_always: bool,
}

/// The target column and codec of each source column.
pub struct Plan {
    table: String,
    columns: Vec<PlanColumn>,
}

struct PlanColumn {
    source: usize,
    name: String,
    declared: ColumnType,
    pg_type: &'static dyn PgType,
    /// The type has no codec: the server casts text to it.
    is_cast: bool,
}

impl Target {
    /// The column with this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&TargetColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    fn by_name(&self) -> HashMap<&str, &TargetColumn> {
        self.columns.iter().map(|column| (column.name.as_str(), column)).collect()
    }

    /// Whether `names` are all of the table's columns, except those for which `has_default` is
    /// true.
    #[must_use]
    pub fn matches(&self, names: &[String], has_default: impl Fn(&TargetColumn) -> bool) -> bool {
        let given: HashSet<&String> = names.iter().collect();
        let columns = self.by_name();
        names.iter().all(|name| columns.contains_key(name.as_str()))
            && self.columns.iter().all(|column| given.contains(&column.name) || has_default(column))
    }

    /// The columns with these names.
    ///
    /// # Errors
    /// A single error that lists all names that are unknown, missing or duplicate.
    pub fn select(&self, names: &[String]) -> Result<Vec<&TargetColumn>> {
        self.report(&self.problems(names))?;
        let by_name = self.by_name();
        Ok(names.iter().filter_map(|name| by_name.get(name.as_str()).copied()).collect())
    }

    /// Plans the load of a source with this schema; `names` are the target columns' names.
    ///
    /// # Errors
    /// A single error that lists all columns that do not fit.
    pub fn plan(&self, schema: &Schema, names: &[String]) -> Result<Plan> {
        let mut problems = self.problems(names);
        let mut columns = Vec::with_capacity(names.len());
        let by_name = self.by_name();
        for (source, (field, name)) in schema.fields().iter().zip(names).enumerate() {
            let column = by_name.get(name.as_str()).copied();
            let Some(column) = column.filter(|column| !column.generated) else {
                continue;
            };
            if types::loads(&column.declared, field) {
                columns.push(PlanColumn {
                    source,
                    name: name.clone(),
                    declared: column.declared.clone(),
                    pg_type: load_codec_for(&column.declared),
                    is_cast: codec_for(&column.declared).is_none(),
                });
                continue;
            }
            problems.push(|| {
                let ty = column.declared.name();
                let what = if codec_for(&column.declared).is_some() {
                    ty
                } else {
                    format!("{ty} as text")
                };
                format!(
                    "column \"{name}\": expected {what}, got {}; cast it first",
                    types::display_type(field)
                )
            });
        }
        self.report(&problems)?;
        Ok(Plan { table: self.table.clone(), columns })
    }

    /// As [`Self::plan`], but the cells of a row are in the order of the target's columns instead of
    /// the source's.
    ///
    /// # Errors
    /// A single error that lists all columns that do not fit.
    pub fn plan_in_order(&self, schema: &Schema, names: &[String]) -> Result<Plan> {
        let mut plan = self.plan(schema, names)?;
        let positions = self.columns.iter().map(|column| column.name.as_str()).zip(0..);
        let positions: HashMap<&str, usize> = positions.collect();
        plan.columns.sort_by_key(|column| positions.get(column.name.as_str()).copied());
        Ok(plan)
    }

    fn problems(&self, names: &[String]) -> Problems {
        let mut problems = Problems::default();
        let (by_name, given) = (self.by_name(), names.iter().collect::<HashSet<_>>());
        let mut seen = HashSet::new();
        for name in names {
            if !seen.insert(name) {
                problems.push(|| format!("column \"{name}\" appears twice"));
                continue;
            }
            match by_name.get(name.as_str()) {
                None => problems
                    .push(|| format!("column \"{name}\" is unknown{}", self.hint(name, &given))),
                Some(column) if column.generated => problems
                    .push(|| format!("column \"{name}\" is generated by the server; leave it out")),
                Some(_) => {}
            }
        }
        for column in self.columns.iter().filter(|c| c.required && !seen.contains(&c.name)) {
            let name = &column.name;
            problems.push(|| {
                if self.table.is_empty() {
                    format!("column \"{name}\" is missing in the data")
                } else {
                    format!("column \"{name}\" is missing: it is NOT NULL and has no default")
                }
            });
        }
        problems
    }

    /// A suggestion for an unknown name: an unused column with a similar name.
    fn hint(&self, name: &str, given: &HashSet<&String>) -> String {
        let unused = self.columns.iter().map(|column| &column.name).filter(|c| !given.contains(c));
        let closest = unused.map(|column| (edit_distance(name, column), column)).min();
        match closest {
            Some((distance, column)) if distance <= 1 + name.chars().count() / 4 => {
                format!("; did you mean \"{column}\"?")
            }
            _ => String::new(),
        }
    }

    fn report(&self, problems: &Problems) -> Result<()> {
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::Programming(match self.table.as_str() {
            "" => problems.to_string(),
            table => format!("table \"{table}\": {problems}"),
        }))
    }
}

impl Plan {
    /// The target columns, in the order in which their cells are sent.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The target's name, for error messages.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The expected types of the target columns, in the same order.
    pub fn types(&self) -> impl Iterator<Item = &ColumnType> {
        self.columns.iter().map(|column| &column.declared)
    }

    /// The columns that the server casts from text, with the types that it casts to: those below
    /// any domains, without modifiers, which are applied as the rows are stored.
    pub fn casts(&self) -> impl Iterator<Item = (&str, &Type)> {
        let cast = self.columns.iter().filter(|column| column.is_cast);
        cast.map(|column| (column.name.as_str(), column.declared.base()))
    }

    /// Encodes a batch and appends its tuples; `first_row` is the number of its first row in the
    /// input.
    ///
    /// # Errors
    /// When the target type cannot hold a value exactly; the error has the column and row.
    pub fn encode(&self, batch: &RecordBatch, first_row: u64, out: &mut Vec<u8>) -> Result<()> {
        if batch.num_rows() <= BLOCK_ROWS {
            return self.encode_block(batch, first_row, out);
        }
        let mut start = 0;
        while start < batch.num_rows() {
            let rows = BLOCK_ROWS.min(batch.num_rows() - start);
            self.encode_block(&batch.slice(start, rows), first_row + start as u64, out)?;
            start += rows;
        }
        Ok(())
    }

    fn encode_block(&self, batch: &RecordBatch, first_row: u64, out: &mut Vec<u8>) -> Result<()> {
        let cells = self.cells(batch, first_row)?;
        interleave(&cells, batch.num_rows(), out).map_err(|long| self.too_long(first_row, long))
    }

    /// Encodes a batch to cells, column by column.
    pub fn cells<'a>(&self, batch: &'a RecordBatch, first_row: u64) -> Result<Vec<Cells<'a>>> {
        let mut cells: Vec<Cells<'_>> = Vec::with_capacity(self.columns.len());
        let mut first_error: Option<(usize, &str, String)> = None;
        for column in &self.columns {
            let Some(array) = batch.columns().get(column.source) else {
                return Err(Error::Internal("a batch with fewer columns than its schema".into()));
            };
            match types::encode(column.pg_type, &column.declared, array.as_ref()) {
                Ok(encoded) => cells.push(encoded),
                Err(error) => {
                    if first_error.as_ref().is_none_or(|(index, ..)| error.index < *index) {
                        first_error = Some((error.index, &column.name, error.message));
                    }
                }
            }
        }
        if let Some((index, column, message)) = first_error {
            return Err(self.value_error(Some(column), first_row + index as u64, message));
        }
        Ok(cells)
    }

    /// The error of a row that is too long.
    #[must_use]
    pub fn too_long(&self, first_row: u64, long: TooLong) -> Error {
        let message = format!("a row of {} bytes, more than PostgreSQL can take", long.bytes);
        self.value_error(None, first_row + long.row as u64, message)
    }

    fn value_error(&self, column: Option<&str>, row: u64, message: String) -> Error {
        Error::Value(Box::new(ValueError {
            table: Some(self.table.clone()).filter(|table| !table.is_empty()),
            column: column.map(str::to_owned),
            row: Some(row),
            message,
            wrong_type: false,
        }))
    }
}

/// The target columns' names of a source's columns.
///
/// # Errors
/// When `renames` contains a column that the source does not have.
pub fn renamed<S: BuildHasher>(
    source: &[String],
    renames: &HashMap<String, String, S>,
) -> Result<Vec<String>> {
    let given: HashSet<&String> = source.iter().collect();
    let mut unknown = Problems::default();
    for name in renames.keys().filter(|name| !given.contains(name)) {
        unknown.push(|| format!("columns= names \"{name}\", which the data does not have"));
    }
    if !unknown.is_empty() {
        return Err(Error::Programming(unknown.to_string()));
    }
    Ok(source.iter().map(|name| renames.get(name).unwrap_or(name).clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::{DataType, Field};
    use postgres_types::Type;

    fn column(name: &str, ty: Type, required: bool) -> TargetColumn {
        let declared = ColumnType::new(ty, -1);
        TargetColumn {
            name: name.into(),
            declared,
            required,
            generated: false,
            identity_always: false,
        }
    }

    #[test]
    fn test_plan_of_columns_that_do_not_fit_reports_all_at_once() {
        let target = Target {
            table: "t".into(),
            columns: vec![
                column("id", Type::INT8, true),
                column("amount", Type::INT4, false),
                column("shape", Type::TSQUERY, false),
                column("need", Type::TEXT, true),
            ],
        };
        let fields = [
            ("id", DataType::Int64),
            ("id", DataType::Int64),
            ("amuont", DataType::Int64),
            ("shape", DataType::Int32),
            ("amount", DataType::Utf8),
        ];
        let schema = Schema::new(
            fields.iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect::<Vec<_>>(),
        );
        let names: Vec<String> = fields.iter().map(|(name, _)| (*name).to_owned()).collect();
        let error = target.plan(&schema, &names).map(|_| ()).unwrap_err().to_string();
        for part in [
            "\"id\" appears twice",
            "\"amuont\" is unknown",
            "\"need\" is missing",
            "\"shape\": expected tsquery as text, got Int32",
            "\"amount\": expected int4, got Utf8",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }

    #[test]
    fn test_unknown_column_is_met_with_one_spelt_alike() {
        let target =
            Target { table: "t".into(), columns: vec![column("tail_number", Type::TEXT, false)] };
        let error = target.select(&["tailnumber".into()]).unwrap_err().to_string();
        assert!(error.contains("did you mean \"tail_number\"?"), "{error}");
        let error = target.select(&["zzz".into()]).unwrap_err().to_string();
        assert!(!error.contains("did you mean"), "{error}");
    }
}

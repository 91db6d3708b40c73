//! From the columns of a source and a target to the encoders between them.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use arrow_array::RecordBatch;
use arrow_schema::Schema;

use super::problems::Problems;
use crate::error::{Error, Result, ValueError};
use crate::types::{self, Declared, PgType, known};
use crate::wire::cells::{Cells, TooLong, weave};

/// Rows woven at a time: few enough to stay in a core's cache while every column passes by.
const BLOCK_ROWS: usize = 1024;

/// A table to load into, as its columns stand at the server.
#[derive(Debug, Clone)]
pub struct Target {
    /// The table's name, for messages.
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
    pub declared: Declared,
    /// NOT NULL, with nothing to fill it if it is left out.
    pub required: bool,
    /// GENERATED ALWAYS AS (expression): it can never be given.
    pub generated: bool,
    /// GENERATED ALWAYS AS IDENTITY: an INSERT must override it.
    pub identity_always: bool,
}

/// Which source column goes into which target column, and how.
pub struct Plan {
    table: String,
    columns: Vec<PlanColumn>,
}

struct PlanColumn {
    source: usize,
    name: String,
    declared: Declared,
    pg_type: &'static dyn PgType,
}

impl Target {
    /// The column of a name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&TargetColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    fn by_name(&self) -> HashMap<&str, &TargetColumn> {
        self.columns.iter().map(|column| (column.name.as_str(), column)).collect()
    }

    /// Whether `names` are the table's columns: all of them but those that fill themselves.
    #[must_use]
    pub fn matches(&self, names: &[String], fills_itself: impl Fn(&TargetColumn) -> bool) -> bool {
        let given: HashSet<&String> = names.iter().collect();
        let columns = self.by_name();
        names.iter().all(|name| columns.contains_key(name.as_str()))
            && self
                .columns
                .iter()
                .all(|column| given.contains(&column.name) || fills_itself(column))
    }

    /// The columns that `names` stand for.
    ///
    /// # Errors
    /// One, which tells every name that is unknown, missing or there twice, and every type that
    /// is not known.
    pub fn select(&self, names: &[String]) -> Result<Vec<&TargetColumn>> {
        let mut problems = self.problems(names);
        let by_name = self.by_name();
        let columns: Vec<_> =
            names.iter().filter_map(|name| by_name.get(name.as_str()).copied()).collect();
        for column in columns.iter().filter(|column| known(&column.declared).is_none()) {
            problems.note(|| unknown_type(column));
        }
        self.report(&problems)?;
        Ok(columns)
    }

    /// The plan that loads a source of this schema, whose columns go by `names`.
    ///
    /// # Errors
    /// One, which tells every column that does not fit.
    pub fn plan(&self, schema: &Schema, names: &[String]) -> Result<Plan> {
        let mut problems = self.problems(names);
        let mut columns = Vec::with_capacity(names.len());
        let by_name = self.by_name();
        for (source, (field, name)) in schema.fields().iter().zip(names).enumerate() {
            let column = by_name.get(name.as_str()).copied();
            let Some(column) = column.filter(|column| !column.generated) else {
                continue;
            };
            match known(&column.declared) {
                None => problems.note(|| unknown_type(column)),
                Some(pg_type) if types::accepts(pg_type, &column.declared, field) => {
                    columns.push(PlanColumn {
                        source,
                        name: name.clone(),
                        declared: column.declared.clone(),
                        pg_type,
                    });
                }
                Some(_) => problems.note(|| {
                    format!(
                        "column \"{name}\": expected {}, got {}; cast it first",
                        column.declared.name(),
                        types::shown(field)
                    )
                }),
            }
        }
        self.report(&problems)?;
        Ok(Plan { table: self.table.clone(), columns })
    }

    fn problems(&self, names: &[String]) -> Problems {
        let mut problems = Problems::default();
        let (by_name, given) = (self.by_name(), names.iter().collect::<HashSet<_>>());
        let mut seen = HashSet::new();
        for name in names {
            if !seen.insert(name) {
                problems.note(|| format!("column \"{name}\" is there twice"));
                continue;
            }
            match by_name.get(name.as_str()) {
                None => problems
                    .note(|| format!("column \"{name}\" is unknown{}", self.hint(name, &given))),
                Some(column) if column.generated => problems
                    .note(|| format!("column \"{name}\" is generated by the server; leave it out")),
                Some(_) => {}
            }
        }
        for column in self.columns.iter().filter(|c| c.required && !seen.contains(&c.name)) {
            let name = &column.name;
            problems.note(|| {
                format!("column \"{name}\" is missing: it is NOT NULL and has no default")
            });
        }
        problems
    }

    /// A column the caller may have meant: one not given, and spelt much alike.
    fn hint(&self, name: &str, given: &HashSet<&String>) -> String {
        let spare = self.columns.iter().map(|column| &column.name).filter(|c| !given.contains(c));
        let near = spare.map(|column| (distance(name, column), column)).min();
        match near {
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
        let table = &self.table;
        Err(Error::Programming(format!("table \"{table}\": {problems}")))
    }
}

fn unknown_type(column: &TargetColumn) -> String {
    let (name, ty) = (&column.name, column.declared.name());
    format!(
        "column \"{name}\": howdah does not know type {ty} yet; load into text and cast it in SQL"
    )
}

/// Levenshtein's distance, letters of either case alike.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let cost = (diagonal + usize::from(x != *y)).min(left + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, cost);
            left = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

impl Plan {
    /// The target columns, in the order in which their cells are sent.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The target's name, for messages.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The types that the target columns are to have, in the same order.
    pub fn types(&self) -> impl Iterator<Item = &Declared> {
        self.columns.iter().map(|column| &column.declared)
    }

    /// Appends the tuples of a batch, whose first row is `first_row` of the input.
    ///
    /// # Errors
    /// When a value cannot be carried exactly; with its column and row.
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
        weave(&cells, batch.num_rows(), out).map_err(|long| self.too_long(first_row, long))
    }

    /// The cells of a batch, column by column.
    ///
    /// # Errors
    /// As [`Plan::encode`].
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

    /// The error of a row of a batch.
    #[must_use]
    pub fn too_long(&self, first_row: u64, long: TooLong) -> Error {
        let message = format!("a row of {} bytes, more than PostgreSQL can take", long.bytes);
        self.value_error(None, first_row + long.row as u64, message)
    }

    fn value_error(&self, column: Option<&str>, row: u64, message: String) -> Error {
        Error::Value(Box::new(ValueError {
            table: Some(self.table.clone()),
            column: column.map(str::to_owned),
            row: Some(row),
            message,
            wrong_type: false,
        }))
    }
}

/// The names by which a source's columns go at the target.
///
/// # Errors
/// When a rename names a column that the source does not have.
pub fn renamed<S: BuildHasher>(
    source: &[String],
    renames: &HashMap<String, String, S>,
) -> Result<Vec<String>> {
    let given: HashSet<&String> = source.iter().collect();
    let mut unknown = Problems::default();
    for name in renames.keys().filter(|name| !given.contains(name)) {
        unknown.note(|| format!("columns= names \"{name}\", which the data does not have"));
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
        let declared = Declared { ty, typmod: -1 };
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
                column("shape", Type::POLYGON, false),
                column("need", Type::TEXT, true),
            ],
        };
        let fields = [
            ("id", DataType::Int64),
            ("id", DataType::Int64),
            ("amuont", DataType::Int64),
            ("shape", DataType::Utf8),
            ("amount", DataType::Utf8),
        ];
        let schema = Schema::new(
            fields.iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect::<Vec<_>>(),
        );
        let names: Vec<String> = fields.iter().map(|(name, _)| (*name).to_owned()).collect();
        let error = target.plan(&schema, &names).map(|_| ()).unwrap_err().to_string();
        for part in [
            "\"id\" is there twice",
            "\"amuont\" is unknown",
            "\"need\" is missing",
            "polygon",
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

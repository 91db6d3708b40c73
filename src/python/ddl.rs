//! `_core.ddl`: reads table definitions from Python dicts and writes the statements that create them.
#![expect(clippy::needless_pass_by_value, reason = "PyO3 gives values")]

use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::arguments::Text;
use super::errors::exception;
use crate::sql::ddl::{
    self, Column, ColumnDefault, Constraint, Index, LOCK, Reference, Rule, Table, check,
    qualify_types, statements,
};
use crate::sql::name::{Quoted, check_length};
use crate::sql::type_name;

type Dict<'a, 'py> = &'a Bound<'py, PyDict>;

/// Writes the statements that create tables. `locked` adds what howdah needs to run them itself: the first statement takes
/// a lock that one session at a time can hold, the last fails if an index was not created, and type names have a schema.
#[pyfunction]
#[pyo3(signature = (tables, *, locked = false))]
pub(super) fn create_statements(tables: &Bound<'_, PyList>, locked: bool) -> PyResult<Vec<String>> {
    let mut definitions =
        tables.iter().map(|item| table(item.cast()?)).collect::<PyResult<Vec<_>>>()?;
    if locked {
        qualify_types(&mut definitions);
    }
    let mut sql = statements(&definitions).map_err(|error| exception(tables.py(), error))?;
    if locked {
        sql.insert(0, LOCK.to_owned());
        sql.extend(check(&definitions));
    }
    Ok(sql)
}

/// Gives the name that PostgreSQL chooses for an unnamed constraint or index, such as `user_email_key`.
#[pyfunction]
pub(super) fn object_name(table: Text, about: Text, label: Text) -> String {
    ddl::object_name(&table.0, &about.0, &label.0)
}

/// Quotes an identifier if it needs quotes.
#[pyfunction]
pub(super) fn identifier(name: Text) -> String {
    ddl::quoted(&name.0)
}

/// Quotes the parts of a name and joins them with dots.
#[pyfunction]
pub(super) fn qualified_name(py: Python<'_>, parts: Vec<Text>) -> PyResult<String> {
    let quoted = parts.iter().map(|part| {
        check_length("name", &part.0).map_err(|error| exception(py, error))?;
        Ok(Quoted(&part.0).to_string())
    });
    Ok(quoted.collect::<PyResult<Vec<_>>>()?.join("."))
}

/// Tells whether a type is built into PostgreSQL, or an array of such a type.
#[pyfunction]
pub(super) fn is_builtin_type(name: &str) -> bool {
    type_name::is_builtin(name)
}

/// The value of a key that the dict must have.
fn required<'py>(dict: Dict<'_, 'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    dict.get_item(name)?.ok_or_else(|| PyKeyError::new_err(name.to_owned()))
}

fn text(dict: Dict, name: &str) -> PyResult<String> {
    Ok(required(dict, name)?.extract::<Text>()?.0)
}

fn texts(dict: Dict, name: &str) -> PyResult<Vec<String>> {
    required(dict, name)?.try_iter()?.map(|text| Ok(text?.extract::<Text>()?.0)).collect()
}

fn flag(dict: Dict, name: &str) -> PyResult<bool> {
    required(dict, name)?.extract()
}

fn optional_text(dict: Dict, name: &str) -> PyResult<Option<String>> {
    Ok(required(dict, name)?.extract::<Option<Text>>()?.map(|text| text.0))
}

/// Reads each dict in the list of a key.
fn list_of<T>(dict: Dict, name: &str, read: fn(Dict) -> PyResult<T>) -> PyResult<Vec<T>> {
    required(dict, name)?.try_iter()?.map(|item| read(item?.cast()?)).collect()
}

fn table(dict: Dict) -> PyResult<Table> {
    Ok(Table {
        name: texts(dict, "name")?,
        columns: list_of(dict, "columns", column)?,
        constraints: list_of(dict, "constraints", constraint)?,
        indexes: list_of(dict, "indexes", index)?,
    })
}

fn column(dict: Dict) -> PyResult<Column> {
    let reference_dict = required(dict, "reference")?;
    let labels = required(dict, "labels")?;
    Ok(Column {
        name: text(dict, "name")?,
        sql_type: text(dict, "type")?,
        labels: if labels.is_none() { None } else { Some(texts(dict, "labels")?) },
        nullable: flag(dict, "nullable")?,
        primary_key: flag(dict, "primary_key")?,
        unique: flag(dict, "unique")?,
        default: column_default(dict)?,
        check: optional_text(dict, "check")?,
        reference: if reference_dict.is_none() {
            None
        } else {
            Some(reference(reference_dict.cast()?)?)
        },
    })
}

fn column_default(dict: Dict) -> PyResult<Option<ColumnDefault>> {
    if flag(dict, "identity")? {
        return Ok(Some(ColumnDefault::Identity(flag(dict, "always")?)));
    }
    if let Some(sql) = optional_text(dict, "generated")? {
        return Ok(Some(ColumnDefault::Generated(sql, flag(dict, "stored")?)));
    }
    let Some(sql) = optional_text(dict, "default")? else { return Ok(None) };
    let sequence = texts(dict, "sequence")?;
    let default = if sequence.is_empty() {
        ColumnDefault::Default(sql)
    } else {
        ColumnDefault::Sequence(sql, sequence)
    };
    Ok(Some(default))
}

fn reference(dict: Dict) -> PyResult<Reference> {
    Ok(Reference {
        table: texts(dict, "table")?,
        columns: texts(dict, "columns")?,
        on_delete: text(dict, "on_delete")?,
    })
}

fn constraint(dict: Dict) -> PyResult<Constraint> {
    let kind = text(dict, "kind")?;
    let rule = match kind.as_str() {
        "unique" => Rule::Unique(texts(dict, "columns")?),
        "check" => Rule::Check(text(dict, "sql")?),
        "foreign_key" => Rule::ForeignKey(
            texts(dict, "columns")?,
            reference(required(dict, "reference")?.cast()?)?,
        ),
        "raw" => Rule::Raw(text(dict, "sql")?),
        _ => return Err(PyTypeError::new_err(format!("unknown kind of constraint: {kind:?}"))),
    };
    Ok(Constraint { name: optional_text(dict, "name")?, rule })
}

fn index(dict: Dict) -> PyResult<Index> {
    let options = required(dict, "options")?;
    let options: PyResult<Vec<_>> = options
        .cast::<PyDict>()?
        .iter()
        .map(|(name, value)| Ok((name.extract::<Text>()?.0, value.extract::<Text>()?.0)))
        .collect();
    Ok(Index {
        name: optional_text(dict, "name")?,
        keys: texts(dict, "keys")?,
        method: text(dict, "method")?,
        condition: optional_text(dict, "where")?,
        unique: flag(dict, "unique")?,
        nulls_not_distinct: flag(dict, "nulls_same")?,
        included: texts(dict, "included")?,
        options: options?,
    })
}

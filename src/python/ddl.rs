//! `_core.ddl`: tables as Python's data, read and written as the statements that create them.
#![expect(clippy::needless_pass_by_value, reason = "PyO3 gives values")]

use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::arguments::Text;
use super::errors::exception;
use crate::sql::ddl::{
    self, Column, Constraint, Filled, Index, LOCK, Reference, Rule, Table, check, qualify_types,
    statements,
};
use crate::sql::name::refuse_long;
use crate::sql::type_name;

type Dict<'a, 'py> = &'a Bound<'py, PyDict>;

/// Writes the statements that create tables. With `locked` they are those that howdah runs itself: one session at a time
/// gets past the first of them, the last fails if an index was left out, and types are named with their schema.
#[pyfunction]
#[pyo3(name = "ddl", signature = (tables, *, locked = false))]
pub(super) fn written(tables: &Bound<'_, PyList>, locked: bool) -> PyResult<Vec<String>> {
    let mut read = tables.iter().map(|one| table(one.cast()?)).collect::<PyResult<Vec<_>>>()?;
    if locked {
        qualify_types(&mut read);
    }
    let mut written = statements(&read).map_err(|error| exception(tables.py(), error))?;
    if locked {
        written.insert(0, LOCK.to_owned());
        written.extend(check(&read));
    }
    Ok(written)
}

/// Gives the name that PostgreSQL gives to what has none, such as `user_email_key`.
#[pyfunction]
pub(super) fn object_name(table: Text, about: Text, label: Text) -> String {
    ddl::object_name(&table.0, &about.0, &label.0)
}

/// Gives a name in quotes, if it needs them.
#[pyfunction]
pub(super) fn identifier(name: Text) -> String {
    ddl::quoted(&name.0)
}

/// Gives the parts of a name as one, each in quotes.
#[pyfunction]
pub(super) fn qualified_name(py: Python<'_>, parts: Vec<Text>) -> PyResult<String> {
    let quoted = parts.iter().map(|part| {
        refuse_long("name", &part.0).map_err(|error| exception(py, error))?;
        Ok(format!("\"{}\"", part.0.replace('"', "\"\"")))
    });
    Ok(quoted.collect::<PyResult<Vec<_>>>()?.join("."))
}

/// Tells whether a type is one of PostgreSQL's own, or an array of such.
#[pyfunction]
pub(super) fn is_own_type(name: &str) -> bool {
    type_name::is_own(name)
}

/// What a dict has under a name, which it must have.
fn item<'py>(dict: Dict<'_, 'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    dict.get_item(name)?.ok_or_else(|| PyKeyError::new_err(name.to_owned()))
}

fn text(dict: Dict, name: &str) -> PyResult<String> {
    Ok(item(dict, name)?.extract::<Text>()?.0)
}

fn texts(dict: Dict, name: &str) -> PyResult<Vec<String>> {
    item(dict, name)?.try_iter()?.map(|one| Ok(one?.extract::<Text>()?.0)).collect()
}

fn flag(dict: Dict, name: &str) -> PyResult<bool> {
    item(dict, name)?.extract()
}

fn some_text(dict: Dict, name: &str) -> PyResult<Option<String>> {
    Ok(item(dict, name)?.extract::<Option<Text>>()?.map(|text| text.0))
}

/// The dicts under a name, read one by one.
fn each<T>(dict: Dict, name: &str, read: fn(Dict) -> PyResult<T>) -> PyResult<Vec<T>> {
    item(dict, name)?.try_iter()?.map(|one| read(one?.cast()?)).collect()
}

fn table(dict: Dict) -> PyResult<Table> {
    Ok(Table {
        name: texts(dict, "name")?,
        columns: each(dict, "columns", column)?,
        constraints: each(dict, "constraints", constraint)?,
        indexes: each(dict, "indexes", index)?,
    })
}

fn column(dict: Dict) -> PyResult<Column> {
    let referred = item(dict, "reference")?;
    let labels = item(dict, "labels")?;
    Ok(Column {
        name: text(dict, "name")?,
        sql_type: text(dict, "type")?,
        labels: if labels.is_none() { None } else { Some(texts(dict, "labels")?) },
        nullable: flag(dict, "nullable")?,
        primary_key: flag(dict, "primary_key")?,
        unique: flag(dict, "unique")?,
        filled: filled(dict)?,
        check: some_text(dict, "check")?,
        reference: if referred.is_none() { None } else { Some(reference(referred.cast()?)?) },
    })
}

fn filled(dict: Dict) -> PyResult<Option<Filled>> {
    if flag(dict, "identity")? {
        return Ok(Some(Filled::Identity(flag(dict, "always")?)));
    }
    if let Some(sql) = some_text(dict, "generated")? {
        return Ok(Some(Filled::Generated(sql, flag(dict, "stored")?)));
    }
    let Some(sql) = some_text(dict, "default")? else { return Ok(None) };
    let sequence = texts(dict, "sequence")?;
    let default =
        if sequence.is_empty() { Filled::Default(sql) } else { Filled::Sequence(sql, sequence) };
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
        "foreign_key" => {
            Rule::ForeignKey(texts(dict, "columns")?, reference(item(dict, "reference")?.cast()?)?)
        }
        "raw" => Rule::Raw(text(dict, "sql")?),
        _ => return Err(PyTypeError::new_err(format!("{kind:?} is no kind of constraint"))),
    };
    Ok(Constraint { name: some_text(dict, "name")?, rule })
}

fn index(dict: Dict) -> PyResult<Index> {
    let options = item(dict, "options")?;
    let options: PyResult<Vec<_>> = options
        .cast::<PyDict>()?
        .iter()
        .map(|(name, value)| Ok((name.extract::<Text>()?.0, value.extract::<Text>()?.0)))
        .collect();
    Ok(Index {
        name: some_text(dict, "name")?,
        keys: texts(dict, "keys")?,
        method: text(dict, "method")?,
        condition: some_text(dict, "where")?,
        unique: flag(dict, "unique")?,
        nulls_same: flag(dict, "nulls_same")?,
        included: texts(dict, "included")?,
        options: options?,
    })
}

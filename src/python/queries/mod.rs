//! `_core.render`: queries as Python's data, read and written as SQL.

mod expressions;
mod statements;

use std::collections::HashMap;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::arguments::{Text, strings};
use super::errors::exception;
use super::gil::held;
use crate::error::Error;
use crate::sql::name::TableName;
use crate::sql::statement::ast::{Query, Source, SourceId, SourceKind};
use crate::sql::statement::write;

type Node<'a, 'py> = &'a Bound<'py, PyAny>;

/// Writes a statement; gives back its text and the values of its parameters.
#[pyfunction]
pub(super) fn render<'py>(
    py: Python<'py>,
    statement: &Bound<'py, PyDict>,
) -> PyResult<(String, Bound<'py, PyTuple>)> {
    let mut reader = Reader::default();
    let statement = reader.statement(statement.as_any())?;
    let query = Query { statement, sources: reader.sources };
    let written = write(&query).map_err(|error| exception(py, error))?;
    let values = written.params.iter().filter_map(|at| reader.values.get(*at));
    Ok((written.sql, PyTuple::new(py, values.collect::<Vec<_>>())?))
}

/// Writes the statements that make a table for rows on their way into another.
#[pyfunction]
pub(super) fn staging(
    py: Python<'_>,
    name: &str,
    model: Vec<Text>,
    columns: Vec<Text>,
    order: &str,
    types: Vec<(Text, Text)>,
) -> PyResult<Vec<String>> {
    let (model, columns) = (strings(model), strings(columns));
    let model = match model.as_slice() {
        [table] => TableName { schema: None, table: table.clone() },
        [schema, table] => TableName { schema: Some(schema.clone()), table: table.clone() },
        _ => return Err(refused("a table of more than two names")),
    };
    let columns = columns.iter().map(String::as_str);
    let types: Vec<_> = types.into_iter().map(|(name, kind)| (name.0, kind.0)).collect();
    crate::sql::render::staging(name, &model, columns, order, &types)
        .map_err(|error| exception(py, error))
}

/// Writes the statement that drops it again.
#[pyfunction]
pub(super) fn drop_staging(name: &str) -> String {
    crate::sql::render::drop_staging(name)
}

/// Reads Python's data.
#[derive(Default)]
struct Reader<'py> {
    sources: Vec<Source>,
    /// The sources by where their objects are.
    known: HashMap<usize, SourceId>,
    values: Vec<Bound<'py, PyAny>>,
    /// Where the node of each value is: the same one has the same parameter.
    places: Vec<usize>,
    /// How many expressions and statements are around what is read.
    depth: usize,
}

/// Reading and writing go down as deep as what is read.
const DEEPEST: usize = 2000;

impl Reader<'_> {
    /// Goes a step down, while `read` reads what is there.
    fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> PyResult<T>) -> PyResult<T> {
        if self.depth == DEEPEST {
            return Err(held(|py| {
                let message = format!("a query of over {DEEPEST} expressions inside each other");
                exception(py, Error::Interface(message))
            }));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }
}

fn refused(what: &str) -> PyErr {
    PyTypeError::new_err(format!("{what}: no such node"))
}

fn address(object: &Bound<'_, PyAny>) -> usize {
    object.as_ptr() as usize
}

fn tuple<'a, 'py>(node: Node<'a, 'py>) -> PyResult<&'a Bound<'py, PyTuple>> {
    node.cast::<PyTuple>()
        .map_err(|_| refused(&format!("{} in the place of a tuple", node.get_type())))
}

fn text(node: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(node.extract::<Text>()?.0)
}

fn texts(node: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    node.try_iter()?.map(|one| text(&one?)).collect()
}

fn given<'py>(dict: &Bound<'py, PyDict>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(dict.get_item(name)?.filter(|value| !value.is_none()))
}

/// What a dict has under a name, one by one.
fn items<'py>(dict: &Bound<'py, PyDict>, name: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
    given(dict, name)?.map_or(Ok(Vec::new()), |items| items.try_iter()?.collect())
}

fn flag(dict: &Bound<'_, PyDict>, name: &str) -> PyResult<bool> {
    given(dict, name)?.map_or(Ok(false), |value| value.is_truthy())
}

impl<'py> Reader<'py> {
    fn source(&mut self, object: Node<'_, 'py>) -> PyResult<SourceId> {
        let place = address(object);
        if let Some(id) = self.known.get(&place) {
            return Ok(*id);
        }
        let py = object.py();
        let get = |name| object.getattr(name);
        let kind = get(pyo3::intern!(py, "kind"))?;
        let name = texts(&get(pyo3::intern!(py, "name"))?)?;
        // It is known before its parts are read: a recursive query names itself.
        let id = self.sources.len();
        self.known.insert(place, id);
        let unread = SourceKind::Cte(String::new());
        let others = get(pyo3::intern!(py, "others"))?.extract()?;
        self.sources.push(Source { kind: unread, columns: Vec::new(), others });
        let kind = match kind.cast::<PyString>()?.to_str()? {
            "table" => SourceKind::Table(name),
            "reference" => SourceKind::Reference {
                name,
                parent: self.source(&get(pyo3::intern!(py, "parent"))?)?,
                on: get(pyo3::intern!(py, "on"))?.extract()?,
                optional: get(pyo3::intern!(py, "optional"))?.is_truthy()?,
            },
            "cte" => SourceKind::Cte(name.into_iter().next().unwrap_or_default()),
            "query" => {
                let statement = get(pyo3::intern!(py, "statement"))?;
                SourceKind::Query(Box::new(self.statement(&statement)?))
            }
            "function" => SourceKind::Function {
                call: self.boxed(&get(pyo3::intern!(py, "call"))?)?,
                ordinality: !get(pyo3::intern!(py, "ordinality"))?.is_none(),
            },
            other => return Err(refused(other)),
        };
        let columns = get(pyo3::intern!(py, "columns"))?;
        let columns = if columns.is_none() { Vec::new() } else { texts(&columns)? };
        if let Some(source) = self.sources.get_mut(id) {
            source.kind = kind;
            source.columns = columns;
        }
        Ok(id)
    }

    fn given_source(
        &mut self,
        dict: &Bound<'py, PyDict>,
        name: &str,
    ) -> PyResult<Option<SourceId>> {
        given(dict, name)?.map(|source| self.source(&source)).transpose()
    }

    fn wanted_source(&mut self, dict: &Bound<'py, PyDict>, name: &str) -> PyResult<SourceId> {
        self.given_source(dict, name)?
            .ok_or_else(|| refused(&format!("a statement without {name}")))
    }
}

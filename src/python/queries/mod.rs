//! `_core.render`: converts query nodes (nested tuples and dicts of Python) to the SQL AST, and writes it as SQL.

mod expressions;
mod statements;

use std::collections::HashMap;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::arguments::{Text, strings};
use super::errors::exception;
use super::gil::attached;
use crate::error::Error;
use crate::sql::name::TableName;
use crate::sql::statement::ast::{Query, Source, SourceId, SourceKind};
use crate::sql::statement::write;

type Node<'a, 'py> = &'a Bound<'py, PyAny>;

/// Writes a statement; returns its SQL and the values of its parameters.
#[pyfunction]
pub(super) fn render<'py>(
    py: Python<'py>,
    statement: &Bound<'py, PyDict>,
) -> PyResult<(String, Bound<'py, PyTuple>)> {
    let mut reader = NodeReader::default();
    let statement = reader.statement(statement.as_any())?;
    let query = Query { statement, sources: reader.sources };
    let written = write(&query).map_err(|error| exception(py, error))?;
    let values = written.params.iter().filter_map(|at| reader.values.get(*at));
    Ok((written.sql, PyTuple::new(py, values.collect::<Vec<_>>())?))
}

/// Writes the statements that create a staging table for the table `model`.
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
        _ => return Err(unknown_node("a table name of more than two parts")),
    };
    let columns = columns.iter().map(String::as_str);
    let types: Vec<_> = types.into_iter().map(|(name, kind)| (name.0, kind.0)).collect();
    crate::sql::render::staging(name, &model, columns, order, &types)
        .map_err(|error| exception(py, error))
}

/// Writes the statement that drops a staging table.
#[pyfunction]
pub(super) fn drop_staging(name: &str) -> String {
    crate::sql::render::drop_staging(name)
}

/// Converts the nodes of one query.
#[derive(Default)]
struct NodeReader<'py> {
    sources: Vec<Source>,
    /// The ids of sources by the addresses of their Python objects.
    source_ids: HashMap<usize, SourceId>,
    values: Vec<Bound<'py, PyAny>>,
    /// The addresses of the nodes of `values`: a node that occurs twice is one parameter.
    value_addresses: Vec<usize>,
    /// Nesting of the current expression or statement.
    depth: usize,
}

/// Limit of nesting: conversion and writing recur once per level.
const MAX_DEPTH: usize = 2000;

impl NodeReader<'_> {
    /// Runs `read` one level deeper.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> PyResult<T>) -> PyResult<T> {
        if self.depth == MAX_DEPTH {
            return Err(attached(|py| {
                let message =
                    format!("a query with expressions nested more than {MAX_DEPTH} levels deep");
                exception(py, Error::Interface(message))
            }));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }
}

fn unknown_node(what: &str) -> PyErr {
    PyTypeError::new_err(format!("unknown query node: {what}"))
}

fn address(object: &Bound<'_, PyAny>) -> usize {
    object.as_ptr() as usize
}

fn tuple<'a, 'py>(node: Node<'a, 'py>) -> PyResult<&'a Bound<'py, PyTuple>> {
    node.cast::<PyTuple>()
        .map_err(|_| unknown_node(&format!("{} instead of a tuple", node.get_type())))
}

fn text(node: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(node.extract::<Text>()?.0)
}

fn texts(node: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    node.try_iter()?.map(|item| text(&item?)).collect()
}

/// The value of a key that the dict may have; `None` for Python's None, too.
fn optional_item<'py>(
    dict: &Bound<'py, PyDict>,
    name: &str,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(dict.get_item(name)?.filter(|value| !value.is_none()))
}

/// The items of a sequence that the dict may have under a key.
fn items<'py>(dict: &Bound<'py, PyDict>, name: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
    optional_item(dict, name)?.map_or(Ok(Vec::new()), |items| items.try_iter()?.collect())
}

fn flag(dict: &Bound<'_, PyDict>, name: &str) -> PyResult<bool> {
    optional_item(dict, name)?.map_or(Ok(false), |value| value.is_truthy())
}

impl<'py> NodeReader<'py> {
    fn source(&mut self, object: Node<'_, 'py>) -> PyResult<SourceId> {
        let address = address(object);
        if let Some(id) = self.source_ids.get(&address) {
            return Ok(*id);
        }
        let py = object.py();
        let get = |name| object.getattr(name);
        let kind = get(pyo3::intern!(py, "kind"))?;
        let name = texts(&get(pyo3::intern!(py, "name"))?)?;
        // The id is registered before the parts are converted, since a recursive query refers to itself.
        let id = self.sources.len();
        self.source_ids.insert(address, id);
        let placeholder = SourceKind::Cte(String::new());
        let others = get(pyo3::intern!(py, "others"))?.extract()?;
        self.sources.push(Source { kind: placeholder, columns: Vec::new(), others });
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
            other => return Err(unknown_node(other)),
        };
        let columns = get(pyo3::intern!(py, "columns"))?;
        let columns = if columns.is_none() { Vec::new() } else { texts(&columns)? };
        if let Some(source) = self.sources.get_mut(id) {
            source.kind = kind;
            source.columns = columns;
        }
        Ok(id)
    }

    fn optional_source(
        &mut self,
        dict: &Bound<'py, PyDict>,
        name: &str,
    ) -> PyResult<Option<SourceId>> {
        optional_item(dict, name)?.map(|source| self.source(&source)).transpose()
    }

    fn required_source(&mut self, dict: &Bound<'py, PyDict>, name: &str) -> PyResult<SourceId> {
        self.optional_source(dict, name)?
            .ok_or_else(|| unknown_node(&format!("a statement without {name}")))
    }
}

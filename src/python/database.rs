//! `_core.Database`: the verbs, blocking.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::errors::exception;
use super::gil::released;
use super::parameters;
use super::reader::{Reader, read_options};
use super::results::LoadReport;
use super::source::{Data, total_rows};
use super::watching::{Cancel, Going, Reporter};
use crate::error::{Error, Result};
use crate::execute;
use crate::fetch::Reading;
use crate::load::{self, Mode, Request};
use crate::session::config::{Config, Options};
use crate::session::pool::{Limits, Pool, Pooled};
use crate::sql::name::TableName;
use crate::sql::render;

/// A pool of connections to one database, and what is done with them.
#[pyclass(frozen, module = "howdah._core", name = "Database")]
pub(super) struct Database {
    pool: Arc<Pool>,
}

fn seconds(value: f64, name: &str) -> Result<Duration> {
    Duration::try_from_secs_f64(value)
        .map_err(|_| Error::Interface(format!("{name}: expected seconds, 0 or more, got {value}")))
}

#[pymethods]
impl Database {
    #[new]
    #[pyo3(signature = (url, *, min_size, max_size, acquire_timeout_s, connect_timeout_s, statement_timeout_s, max_idle_s, max_lifetime_s, application_name))]
    #[expect(clippy::too_many_arguments, reason = "the options of the constructor")]
    fn new(
        py: Python<'_>,
        url: Option<&str>,
        min_size: usize,
        max_size: usize,
        acquire_timeout_s: f64,
        connect_timeout_s: f64,
        statement_timeout_s: Option<f64>,
        max_idle_s: f64,
        max_lifetime_s: f64,
        application_name: String,
    ) -> PyResult<Self> {
        let make = || -> Result<Self> {
            let statement_timeout =
                statement_timeout_s.map(|s| seconds(s, "statement_timeout_s")).transpose()?;
            let connect_timeout = seconds(connect_timeout_s, "connect_timeout_s")?;
            let options = Options { connect_timeout, statement_timeout, application_name };
            let config = Config::new(url, &options, |name| std::env::var(name).ok())?;
            if max_size == 0 || min_size > max_size {
                return Err(Error::Interface(format!(
                    "min_size={min_size}, max_size={max_size}: expected at least one connection, and no more at first than at most"
                )));
            }
            let limits = Limits {
                min_size,
                max_size,
                acquire_timeout: seconds(acquire_timeout_s, "acquire_timeout_s")?,
                max_idle: seconds(max_idle_s, "max_idle_s")?,
                max_lifetime: seconds(max_lifetime_s, "max_lifetime_s")?,
            };
            Ok(Self { pool: Pool::new(config, limits) })
        };
        make().map_err(|error| exception(py, error))
    }

    /// Closes the idle connections; those in use close when they are done.
    fn close(&self, py: Python<'_>) {
        released(py, || self.pool.close());
    }

    /// Runs a statement, or without parameters a script; gives back how many rows it touched.
    #[pyo3(signature = (sql, params, cancel=None))]
    fn execute(
        &self,
        py: Python<'_>,
        sql: &str,
        params: &Bound<'_, PyTuple>,
        cancel: Option<&Cancel>,
    ) -> PyResult<u64> {
        let going = Going::new(cancel);
        let run = || -> Result<u64> {
            let mut session = self.session(py, &going)?;
            if params.is_empty() {
                return released(py, || {
                    execute::execute_script(&mut session, sql, &mut || going.check())
                });
            }
            let statement =
                released(py, || execute::prepare(&mut session, sql, &mut || going.check()))?;
            let values = parameters::values(&statement, params)?;
            released(py, || {
                execute::execute(&mut session, &statement, &values, &mut || going.check())
            })
        };
        run().map_err(|error| exception(py, error))
    }

    /// Loads data into a table.
    #[pyo3(signature = (table, data, mode, key, columns, progress=None, cancel=None))]
    #[expect(clippy::too_many_arguments, reason = "the parameters of the verb")]
    fn load(
        &self,
        py: Python<'_>,
        table: &str,
        data: &Bound<'_, PyAny>,
        mode: &str,
        key: Vec<String>,
        columns: Option<&Bound<'_, PyDict>>,
        progress: Option<Py<PyAny>>,
        cancel: Option<&Cancel>,
    ) -> PyResult<LoadReport> {
        let columns = columns.map(|columns| columns.items().extract::<Vec<(String, String)>>());
        let columns = columns.transpose()?.unwrap_or_default();
        let run = || -> Result<LoadReport> {
            let mode = parse_mode(mode)?;
            let name =
                TableName::parse(table).map_err(|bad| Error::Programming(bad.to_string()))?;
            let total_rows = total_rows(data);
            let data = Data::new(data)?;
            let positions =
                Some(columns.iter().map(|(_, target)| target.clone()).collect::<Vec<_>>());
            let positions =
                positions.filter(|positions| !positions.is_empty() && data.names().is_none());
            let renames: HashMap<_, _> =
                if positions.is_some() { HashMap::new() } else { columns.into_iter().collect() };
            let request = Request { table: name, mode, key, renames };
            let going = Going::new(cancel);
            let mut session = self.session(py, &going)?;
            let opening =
                released(py, || load::open(&mut session, request, &mut || going.check()))?;
            let (schema, mut source) = data.into_source(py, &opening, table, positions)?;
            let mut reporter = Reporter::new(going, progress, total_rows);
            let report = released(py, || -> Result<_> {
                let report = opening.run(&schema, source.as_mut(), &mut reporter);
                drop(source);
                let report = report?;
                reporter.end()?;
                Ok(report)
            })?;
            Ok(report.into())
        };
        run().map_err(|error| exception(py, error))
    }

    /// Begins to read a query, or a table if it has no white space.
    #[pyo3(signature = (source, params, batch_rows, types, out_of_range, progress=None, cancel=None))]
    #[expect(clippy::too_many_arguments, reason = "the parameters of the verb")]
    fn read(
        &self,
        py: Python<'_>,
        source: &str,
        params: &Bound<'_, PyTuple>,
        batch_rows: usize,
        types: Option<&Bound<'_, PyDict>>,
        out_of_range: &str,
        progress: Option<Py<PyAny>>,
        cancel: Option<&Cancel>,
    ) -> PyResult<Reader> {
        let run = || -> Result<Reader> {
            let options = read_options(batch_rows, types, out_of_range)?;
            let is_query = source.contains(char::is_whitespace) && !source.starts_with('"');
            let sql = if is_query {
                source.to_owned()
            } else {
                let table =
                    TableName::parse(source).map_err(|bad| Error::Programming(bad.to_string()))?;
                render::select_all(&table)
            };
            let going = Going::new(cancel);
            let mut session = self.session(py, &going)?;
            let statement =
                released(py, || execute::prepare(&mut session, &sql, &mut || going.check()))?;
            let values = parameters::values(&statement, params)?;
            let reading = Reading::begin(session, statement, values, &options)?;
            Ok(Reader::new(reading, Reporter::new(going, progress, None)))
        };
        run().map_err(|error| exception(py, error))
    }
}

impl Database {
    fn session(&self, py: Python<'_>, going: &Going) -> Result<Pooled> {
        released(py, || self.pool.acquire(&mut || going.check()))
    }
}

fn parse_mode(mode: &str) -> Result<Mode> {
    Ok(match mode {
        "append" => Mode::Append,
        "create" => Mode::Create,
        "replace" => Mode::Replace,
        "truncate" => Mode::Truncate,
        "upsert" => Mode::Upsert,
        _ => {
            return Err(Error::Interface(format!(
                "mode {mode:?}: expected append, create, replace, truncate or upsert"
            )));
        }
    })
}

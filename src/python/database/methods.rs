//! The signatures of the methods of databases and leases, as Python calls them. `#[pymethods]` takes no generic types, so
//! two macros list the methods, for the class and the [`Runner`](super::Runner) that they are given.

/// The methods of a database; `$lease` is the class of its leases.
macro_rules! database_methods {
    ($database:ident, $lease:ident, $runner:ident, $reply:ty) => {
        #[pymethods]
        impl $database {
            #[new]
            #[pyo3(signature = (url, **keywords))]
            fn new(
                py: Python<'_>,
                url: Option<Url>,
                keywords: Option<&Bound<'_, PyDict>>,
            ) -> PyResult<Self> {
                DatabaseCore::new::<$runner>(py, url.as_ref(), keywords).map(Self)
            }

            /// Closes the idle connections. Those in use are closed when their callers return them.
            fn close(&self, py: Python<'_>) {
                self.0.close::<$runner>(py);
            }

            /// The hosts and the name of the database: rows that it stored have the same location.
            #[getter]
            fn location(&self) -> &str {
                self.0.pool.location()
            }

            /// Statistics of the pool.
            fn stats(&self) -> Stats {
                self.0.pool.stats().into()
            }

            /// Runs a statement, or a script if there are no parameters; returns the number of affected rows.
            fn execute(
                &self,
                py: Python<'_>,
                sql: Sql,
                params: Py<PyTuple>,
                lease: Option<&$lease>,
            ) -> PyResult<$reply> {
                self.0.execute::<$runner>(py, sql, params, lease.map(|lease| &lease.0))
            }

            /// Runs a statement once for each row of parameters, in one transaction.
            fn execute_many(
                &self,
                py: Python<'_>,
                sql: SqlText,
                rows: Py<PyAny>,
                lease: Option<&$lease>,
            ) -> PyResult<$reply> {
                self.0.execute_many::<$runner>(py, sql, rows, lease.map(|lease| &lease.0))
            }

            /// Returns all rows of a query.
            #[pyo3(signature = (sql, params, into, lease, out_of_range=Policy::default()))]
            fn fetch(
                &self,
                py: Python<'_>,
                sql: Sql,
                params: Py<PyTuple>,
                into: Option<Py<PyAny>>,
                lease: Option<&$lease>,
                out_of_range: Policy,
            ) -> PyResult<$reply> {
                self.0.fetch::<$runner>(py, sql, params, into, out_of_range.0, lease.map(|lease| &lease.0))
            }

            /// Returns the first row of a query, or None.
            #[pyo3(signature = (sql, params, into, lease, out_of_range=Policy::default()))]
            fn fetch_one(
                &self,
                py: Python<'_>,
                sql: Sql,
                params: Py<PyTuple>,
                into: Option<Py<PyAny>>,
                lease: Option<&$lease>,
                out_of_range: Policy,
            ) -> PyResult<$reply> {
                self.0.fetch_one::<$runner>(py, sql, params, into, out_of_range.0, lease.map(|lease| &lease.0))
            }

            /// Returns the first value of the first row of a query, or None.
            #[pyo3(signature = (sql, params, lease, out_of_range=Policy::default()))]
            fn fetch_value(
                &self,
                py: Python<'_>,
                sql: Sql,
                params: Py<PyTuple>,
                lease: Option<&$lease>,
                out_of_range: Policy,
            ) -> PyResult<$reply> {
                self.0.fetch_value::<$runner>(py, sql, params, out_of_range.0, lease.map(|lease| &lease.0))
            }

            /// Returns a cursor over the rows of a query.
            #[pyo3(signature = (sql, params, batch_rows, into, lease, out_of_range=Policy::default()))]
            #[expect(clippy::too_many_arguments, reason = "the parameters of the verb")]
            fn stream(
                &self,
                py: Python<'_>,
                sql: Sql,
                params: Py<PyTuple>,
                batch_rows: BatchRows<i32>,
                into: Option<Py<PyAny>>,
                lease: Option<&$lease>,
                out_of_range: Policy,
            ) -> PyResult<$reply> {
                let lease = lease.map(|lease| &lease.0);
                self.0.stream::<$runner>(py, sql, params, batch_rows.0, into, out_of_range.0, lease)
            }

            /// Registers the user's functions for a type. Connections that are open now are replaced.
            fn register_type(
                &self,
                py: Python<'_>,
                name: Text,
                encode: Option<Py<PyAny>>,
                decode: Option<Py<PyAny>>,
            ) -> PyResult<()> {
                self.0.register_type(py, &name.0, encode, decode)
            }

            /// Checks a connection out of the pool.
            fn lease(&self, py: Python<'_>) -> PyResult<$reply> {
                self.0.lease::<$runner>(py)
            }

            /// Loads data into a table. Blocks: under asyncio it is called on a worker thread.
            #[pyo3(signature = (table, data, mode, key, columns, types, progress=None, cancel=None, lease=None))]
            #[expect(clippy::too_many_arguments, reason = "the parameters of the verb")]
            fn load(
                &self,
                py: Python<'_>,
                table: Text,
                data: &Bound<'_, PyAny>,
                mode: Text,
                key: Vec<Text>,
                columns: Option<&Bound<'_, PyDict>>,
                types: Option<&Bound<'_, PyDict>>,
                progress: Option<Py<PyAny>>,
                cancel: Option<&Cancel>,
                lease: Option<&$lease>,
            ) -> PyResult<LoadReport> {
                let connection = self.0.connection(lease.map(|lease| &lease.0));
                let target = LoadTarget {
                    table: table.0,
                    mode: mode.0,
                    key: strings(key),
                    columns: columns.map(text_pairs).transpose()?,
                    types: types.map(text_pairs).transpose()?,
                };
                bulk::load(py, connection, data, target, progress, cancel)
            }

            /// Begins to read a query as Arrow, or a table if there is no white space outside of quotes. Blocks, as `load`
            /// does.
            #[pyo3(signature = (source, params, batch_rows, types, out_of_range, progress=None, cancel=None, lease=None))]
            #[expect(clippy::too_many_arguments, reason = "the parameters of the verb")]
            fn read(
                &self,
                py: Python<'_>,
                source: Sql,
                params: Py<PyTuple>,
                batch_rows: BatchRows<usize>,
                types: Option<&Bound<'_, PyDict>>,
                out_of_range: Policy,
                progress: Option<Py<PyAny>>,
                cancel: Option<&Cancel>,
                lease: Option<&$lease>,
            ) -> PyResult<Reader> {
                let connection = self.0.connection(lease.map(|lease| &lease.0));
                let source = ReadSource::new(source, params);
                let options = read_options(batch_rows.0, types, out_of_range.0)
                    .map_err(|error| exception(py, error))?;
                bulk::read(py, connection, &source, &options, progress, cancel)
            }
        }
    };
}

/// The methods of a lease.
macro_rules! lease_methods {
    ($lease:ident, $runner:ident, $reply:ty) => {
        #[pymethods]
        impl $lease {
            /// Begins a transaction.
            fn begin(
                &self,
                py: Python<'_>,
                isolation: Option<Text>,
                readonly: bool,
                deferrable: bool,
            ) -> PyResult<$reply> {
                self.0.begin::<$runner>(py, isolation, readonly, deferrable)
            }

            /// Commits the transaction.
            fn commit(&self, py: Python<'_>) -> PyResult<$reply> {
                self.0.commit::<$runner>(py)
            }

            /// Rolls the transaction back. If the block was interrupted, the server has little time for it before the
            /// connection is closed.
            #[pyo3(signature = (interrupted=false))]
            fn rollback(&self, py: Python<'_>, interrupted: bool) -> PyResult<$reply> {
                self.0.rollback::<$runner>(py, interrupted)
            }

            /// Sets a savepoint.
            fn savepoint(&self, py: Python<'_>, depth: u32) -> PyResult<$reply> {
                self.0.savepoint::<$runner>(py, depth)
            }

            /// Releases a savepoint; its changes remain part of the transaction.
            fn release_savepoint(&self, py: Python<'_>, depth: u32) -> PyResult<$reply> {
                self.0.release_savepoint::<$runner>(py, depth)
            }

            /// Rolls back to a savepoint; see `rollback`.
            #[pyo3(signature = (depth, interrupted=false))]
            fn rollback_savepoint(
                &self,
                py: Python<'_>,
                depth: u32,
                interrupted: bool,
            ) -> PyResult<$reply> {
                self.0.rollback_savepoint::<$runner>(py, depth, interrupted)
            }

            /// Begins a pipeline. Its statements run in the transaction that is open, or else in one of the pipeline's own,
            /// or with `each` in one transaction each.
            fn pipeline(&self, py: Python<'_>, each: bool) -> PyResult<$reply> {
                self.0.pipeline::<$runner>(py, each)
            }

            /// Listens to channels.
            fn listen(&self, py: Python<'_>, channels: Vec<Text>) -> PyResult<$reply> {
                self.0.listen::<$runner>(py, channels)
            }

            /// Waits for a notification.
            fn notification(&self, py: Python<'_>) -> PyResult<$reply> {
                <$runner as Runner>::notification(py, self.0.get())
            }

            /// Resets the state of the session, as the pool does before another caller gets it.
            fn reset(&self, py: Python<'_>) -> PyResult<$reply> {
                self.0.reset::<$runner>(py)
            }

            /// Notes the session's state as the one that each caller is to find.
            fn note_set_up(&self, py: Python<'_>) -> PyResult<()> {
                self.0.note_set_up(py)
            }

            /// The process id of the server's backend.
            #[getter]
            fn pid(&self, py: Python<'_>) -> PyResult<Option<i32>> {
                self.0.process_id(py)
            }

            /// Whether a transaction is open on the connection.
            #[getter]
            fn in_transaction(&self, py: Python<'_>) -> PyResult<bool> {
                let pooled = self.0.get().map_err(|error| exception(py, error))?;
                Ok(pooled.is_in_transaction())
            }

            /// The value of a setting that the server reports (`ParameterStatus`).
            fn parameter(&self, py: Python<'_>, name: Text) -> PyResult<Option<String>> {
                self.0.parameter(py, &name.0)
            }

            /// Returns the connection to the pool after a ROLLBACK and UNLISTEN, if it needs them.
            fn close(&self, py: Python<'_>) {
                self.0.close::<$runner>(py);
            }
        }
    };
}

pub(in crate::python) use {database_methods, lease_methods};

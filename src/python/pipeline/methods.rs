//! The signatures of the methods of pipelines, once for the blocking and the asyncio class.

/// The methods of a pipeline. `$class` has a `pipeline`, and `push` and `wait_for_result`, which differ.
macro_rules! pipeline_methods {
    ($class:ident, $reply:ty) => {
        #[pymethods]
        impl $class {
            /// Sends a statement; its result is the number of affected rows.
            fn execute(
                &self,
                py: Python<'_>,
                sql: SqlText,
                params: Py<PyTuple>,
            ) -> PyResult<Py<PipelineResult>> {
                self.push(py, sql, params, PipelineOutput::Affected)
            }

            /// Sends a query; its result is all rows.
            fn fetch(
                &self,
                py: Python<'_>,
                sql: SqlText,
                params: Py<PyTuple>,
                into: Option<Py<PyAny>>,
            ) -> PyResult<Py<PipelineResult>> {
                self.push(py, sql, params, PipelineOutput::Rows(self.pipeline.row_kind(into)))
            }

            /// Sends a query; its result is the first row, or None.
            fn fetch_one(
                &self,
                py: Python<'_>,
                sql: SqlText,
                params: Py<PyTuple>,
                into: Option<Py<PyAny>>,
            ) -> PyResult<Py<PipelineResult>> {
                self.push(py, sql, params, PipelineOutput::Row(self.pipeline.row_kind(into)))
            }

            /// Sends a query; its result is the first value of the first row, or None.
            fn fetch_value(
                &self,
                py: Python<'_>,
                sql: SqlText,
                params: Py<PyTuple>,
            ) -> PyResult<Py<PipelineResult>> {
                self.push(py, sql, params, PipelineOutput::Value)
            }

            /// Waits until one more statement has its result; returns whether some have none yet.
            fn step(&self, py: Python<'_>) -> PyResult<$reply> {
                self.pipeline.expect_open(py)?;
                self.wait_for_result(py)
            }

            /// Whether some statement has no result yet.
            fn is_under_way(&self) -> bool {
                self.pipeline.is_under_way()
            }

            /// Whether a transaction is open that must be ended.
            fn has_begun(&self) -> bool {
                self.pipeline.has_begun()
            }

            /// The error that the end of the block raises.
            fn failure(&self, py: Python<'_>) -> Option<Py<PyAny>> {
                self.pipeline.failure(py).map(|error| error.into_value(py).into_any())
            }

            /// Closes the pipeline; statements without a result are abandoned.
            fn close(&self) {
                self.pipeline.close();
            }
        }
    };
}

pub(in crate::python) use pipeline_methods;

//! Python bindings: the module `howdah._core`. No other folder uses PyO3.

mod arguments;
mod arrow_builders;
mod arrow_streams;
mod asyncio;
mod bulk;
mod cancellation;
mod codecs;
mod copy_codec;
mod cursor;
mod database;
mod ddl;
mod destination;
mod errors;
mod finalization;
mod gc;
mod gil;
mod hooks;
mod infer;
mod input_row;
mod lease;
mod names;
mod options;
mod orm;
mod outcome;
mod pandas;
mod pipeline;
mod polars;
mod queries;
mod reader;
mod results;
mod row_factory;
mod rows;
mod session;
mod source;
mod statement_codecs;
mod type_registry;
mod verbs;

// A free-threaded interpreter enables the GIL when it imports this module. Nothing here needs the GIL, but no
// tests have run without it yet.
#[pyo3::pymodule(gil_used = true)]
mod _core {
    use pyo3::prelude::*;

    use crate::sql::catalog_queries;

    #[pymodule_export]
    use super::asyncio::cursor::AsyncCursor;
    #[pymodule_export]
    use super::asyncio::database::AsyncDatabase;
    #[pymodule_export]
    use super::asyncio::pipeline::AsyncPipeline;
    #[pymodule_export]
    use super::cancellation::Cancel;
    #[pymodule_export]
    use super::copy_codec::{EncodedCopy, decode_copy, encode_copy};
    #[pymodule_export]
    use super::database::blocking::{Cursor, Database};
    #[pymodule_export]
    use super::ddl::{create_statements, identifier, is_builtin_type, object_name, qualified_name};
    #[pymodule_export]
    use super::lease::{AsyncLease, Lease};
    #[pymodule_export]
    use super::orm::{attach_collections, dirty_columns, json_texts, pivot_dicts, snapshot};
    #[pymodule_export]
    use super::outcome::is_read_only;
    #[pymodule_export]
    use super::pipeline::{BlockingPipeline, PipelineResult};
    #[pymodule_export]
    use super::queries::{drop_staging, render, staging};
    #[pymodule_export]
    use super::reader::Reader;
    #[pymodule_export]
    use super::results::{LoadReport, Notification, Progress, Stats};
    #[pymodule_export]
    use super::row_factory::{ObjectFactory, TupleFactory};
    #[pymodule_export]
    const IS_DEFERRABLE: &str = catalog_queries::IS_DEFERRABLE;
    #[pymodule_export]
    const IS_ORDINARY_TABLE: &str = catalog_queries::IS_ORDINARY_TABLE;
    #[pymodule_export]
    const TRAVELS_AS_TEXT: &str = catalog_queries::TRAVELS_AS_TEXT;
    #[pymodule_export]
    const KEYS_STORED_AS_SENT: &str = catalog_queries::KEYS_STORED_AS_SENT;
    #[pymodule_export]
    const NULLS_NOT_DISTINCT: &str = catalog_queries::NULLS_NOT_DISTINCT;
    #[pymodule_export]
    const NO_EVENT_LOOP: &str = super::asyncio::event_loop::NO_EVENT_LOOP;
    #[pymodule_export]
    const RUN_AGAIN: &str = super::verbs::RUN_AGAIN;
    #[pymodule_export]
    const NO_ROW_FILTERS: &str = catalog_queries::NO_ROW_FILTERS;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::finalization::register(module)
    }
}

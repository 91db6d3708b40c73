//! The Python edge: the only folder that knows PyO3.

mod arguments;
mod awaited;
mod bulk;
mod cursor;
mod database;
mod ddl;
mod errors;
mod finalization;
mod gather;
mod gil;
mod hooks;
mod infer;
mod maker;
mod names;
mod objects;
mod options;
mod outcome;
mod pandas;
mod pause;
mod polars;
mod queries;
mod reader;
mod results;
mod rows;
mod session;
mod shapes;
mod source;
mod statement;
mod streams;
mod values;
mod verbs;
mod watching;

// On an interpreter without the GIL, Python turns it on for this module: nothing here wants it, but
// no tests have run without it yet.
#[pyo3::pymodule(gil_used = true)]
mod _core {
    use pyo3::prelude::*;

    use crate::sql::lookup;

    #[pymodule_export]
    use super::awaited::database::{AsyncCursor, AsyncDatabase, AsyncLease};
    #[pymodule_export]
    use super::database::{Cursor, Database, Lease};
    #[pymodule_export]
    use super::ddl::{identifier, is_own_type, object_name, qualified_name, written};
    #[pymodule_export]
    use super::maker::{Maker, Tuples};
    #[pymodule_export]
    use super::objects::{changes, columns, gathered, json_texts, snapshot};
    #[pymodule_export]
    use super::outcome::surely_reads;
    #[pymodule_export]
    use super::queries::{drop_staging, render, staging};
    #[pymodule_export]
    use super::reader::Reader;
    #[pymodule_export]
    use super::results::{LoadReport, Notification, Progress, Stats};
    #[pymodule_export]
    use super::watching::Cancel;
    #[pymodule_export]
    const IS_DEFERRABLE: &str = lookup::IS_DEFERRABLE;
    #[pymodule_export]
    const IS_PLAIN: &str = lookup::IS_PLAIN;
    #[pymodule_export]
    const IS_PRINTED: &str = lookup::IS_PRINTED;
    #[pymodule_export]
    const KEPT: &str = lookup::KEPT;
    #[pymodule_export]
    const NULLS_SAME: &str = lookup::NULLS_SAME;
    #[pymodule_export]
    const NO_EVENT_LOOP: &str = super::awaited::event_loop::NO_EVENT_LOOP;
    #[pymodule_export]
    const RUN_AGAIN: &str = super::verbs::RUN_AGAIN;
    #[pymodule_export]
    const STORES_ALL: &str = lookup::STORES_ALL;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::finalization::register(module)
    }
}

//! The Python edge: the only folder that knows PyO3.

mod database;
mod errors;
mod gather;
mod gil;
mod infer;
mod parameters;
mod reader;
mod results;
mod rows;
mod source;
mod watching;

#[pyo3::pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::database::Database;
    #[pymodule_export]
    use super::reader::Reader;
    #[pymodule_export]
    use super::results::{LoadReport, Progress};
    #[pymodule_export]
    use super::watching::Cancel;
}

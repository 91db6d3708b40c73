//! Refuses column names with NUL before Arrow data is exported. Arrow's C data interface has names as C strings, which
//! end at a NUL: polars and arro3 panic when they export such a name, and pyarrow exports only the part before the NUL.
//! <https://arrow.apache.org/docs/format/CDataInterface.html#c.ArrowSchema.name>

use pyo3::intern;
use pyo3::prelude::*;

use super::arguments::Text;
use super::arrow_builders::type_name;
use super::gil::from_py_err;
use crate::error::{Error, Result};

/// Refuses a name with NUL; `parent` is the column if the name is that of a nested field.
pub(super) fn refuse_nul(name: &str, parent: Option<&str>) -> Result<()> {
    if !name.contains('\0') {
        return Ok(());
    }
    let location = match parent {
        Some(column) => format!("column {column:?}, field {name:?}"),
        None => format!("column {name:?}"),
    };
    Err(Error::Programming(format!(
        "{location}: expected a name without the character NUL, which PostgreSQL does not allow in names; rename it"
    )))
}

/// Refuses data of pyarrow or arro3 with NUL in the name of a column or of a nested field.
pub(super) fn check(data: &Bound<'_, PyAny>) -> Result<()> {
    let module = type_name(data);
    if module.starts_with("arro3.") {
        // Reading the schema would export it, too.
        let names = data.getattr_opt(intern!(data.py(), "column_names")).map_err(from_py_err)?;
        let names =
            names.map(|names| names.extract::<Vec<Text>>()).transpose().map_err(from_py_err)?;
        return names.into_iter().flatten().try_for_each(|name| refuse_nul(&name.0, None));
    }
    if !module.starts_with("pyarrow.") {
        return Ok(());
    }
    let Some(schema) = data.getattr_opt(intern!(data.py(), "schema")).map_err(from_py_err)? else {
        let Some(data_type) = data.getattr_opt(intern!(data.py(), "type")).map_err(from_py_err)?
        else {
            return Ok(());
        };
        return check_child_fields(&data_type, None);
    };
    for field in schema.try_iter().map_err(from_py_err)? {
        check_field(&field.map_err(from_py_err)?, None)?;
    }
    Ok(())
}

/// Checks the fields of a nested pyarrow type.
fn check_child_fields(data_type: &Bound<'_, PyAny>, parent: Option<&str>) -> Result<()> {
    let count = data_type.getattr("num_fields").and_then(|count| count.extract::<usize>());
    for index in 0..count.map_err(from_py_err)? {
        check_field(&data_type.call_method1("field", (index,)).map_err(from_py_err)?, parent)?;
    }
    Ok(())
}

fn check_field(field: &Bound<'_, PyAny>, parent: Option<&str>) -> Result<()> {
    let name =
        field.getattr("name").and_then(|name| name.extract::<Text>()).map_err(from_py_err)?.0;
    refuse_nul(&name, parent)?;
    check_child_fields(&field.getattr("type").map_err(from_py_err)?, Some(parent.unwrap_or(&name)))
}

//! Names of columns, looked at before Arrow data is exported. Arrow's C interface has them as C strings, which end
//! at a NUL: polars and arro3 panic where they export one, and pyarrow exports what stands before it.
//! <https://arrow.apache.org/docs/format/CDataInterface.html#c.ArrowSchema.name>

use pyo3::intern;
use pyo3::prelude::*;

use super::arguments::Text;
use super::gather::type_name;
use super::gil::raised;
use crate::error::{Error, Result};

/// Refuses a name with NUL; `within` is the column that has it, or what lies within it.
pub(super) fn refuse_nul(name: &str, within: Option<&str>) -> Result<()> {
    if !name.contains('\0') {
        return Ok(());
    }
    let place = match within {
        Some(column) => format!("column {column:?}, field {name:?}"),
        None => format!("column {name:?}"),
    };
    Err(Error::Programming(format!(
        "{place}: expected a name without the character NUL, which PostgreSQL's names cannot hold; rename it"
    )))
}

/// Looks at the names in data of pyarrow and arro3.
pub(super) fn look(data: &Bound<'_, PyAny>) -> Result<()> {
    let module = type_name(data);
    if module.starts_with("arro3.") {
        // Its schema is exported, too.
        let names = data.getattr_opt(intern!(data.py(), "column_names")).map_err(raised)?;
        let names = names.map(|names| names.extract::<Vec<Text>>()).transpose().map_err(raised)?;
        return names.into_iter().flatten().try_for_each(|name| refuse_nul(&name.0, None));
    }
    if !module.starts_with("pyarrow.") {
        return Ok(());
    }
    let Some(schema) = data.getattr_opt(intern!(data.py(), "schema")).map_err(raised)? else {
        let Some(data_type) = data.getattr_opt(intern!(data.py(), "type")).map_err(raised)? else {
            return Ok(());
        };
        return fields(&data_type, None);
    };
    for field in schema.try_iter().map_err(raised)? {
        look_at(&field.map_err(raised)?, None)?;
    }
    Ok(())
}

/// The fields within a type of pyarrow's.
fn fields(data_type: &Bound<'_, PyAny>, within: Option<&str>) -> Result<()> {
    let count = data_type.getattr("num_fields").and_then(|count| count.extract::<usize>());
    for index in 0..count.map_err(raised)? {
        look_at(&data_type.call_method1("field", (index,)).map_err(raised)?, within)?;
    }
    Ok(())
}

fn look_at(field: &Bound<'_, PyAny>, within: Option<&str>) -> Result<()> {
    let name = field.getattr("name").and_then(|name| name.extract::<Text>()).map_err(raised)?.0;
    refuse_nul(&name, within)?;
    fields(&field.getattr("type").map_err(raised)?, Some(within.unwrap_or(&name)))
}

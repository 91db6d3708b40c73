//! The columns of a pandas frame by name; finds those that hold objects, and converts the others to Arrow arrays.

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PySlice, PyString, PyTuple};

use super::super::arrow_builders::type_name;
use super::super::gil::from_py_err;
use crate::error::{Error, Result};

/// The columns of a frame with their names, after the levels of its index that have a name. pandas' own export
/// has every index except a `RangeIndex`, and pandas makes a `RangeIndex` wherever it can, so that whether the index is
/// exported would depend on its values.
pub(super) fn named_columns<'py>(
    frame: &Bound<'py, PyAny>,
) -> Result<Vec<(String, Bound<'py, PyAny>)>> {
    let py = frame.py();
    let labels = |index: &str, names: &str| -> Result<Vec<Bound<'py, PyAny>>> {
        let labels = frame.getattr(index).and_then(|index| index.getattr(names));
        labels.and_then(|labels| labels.try_iter()?.collect()).map_err(from_py_err)
    };
    let columns = labels("columns", "values")?.iter().map(label).collect::<Result<Vec<_>>>()?;
    let levels = labels("index", "names")?;
    let index = frame.getattr(intern!(py, "index")).map_err(from_py_err)?;
    let numbers: Vec<_> = (0..levels.len()).map(|level| level.to_string()).collect();
    let numbered = index.call_method1(intern!(py, "set_names"), (numbers,)).map_err(from_py_err)?;
    let mut named: Vec<(String, Bound<'_, PyAny>)> = Vec::new();
    for (level, name) in levels.iter().enumerate().filter(|(_, name)| !name.is_none()) {
        let name = label(name)?;
        let message = if columns.contains(&name) {
            format!(
                "a level of the index and a column are both named \"{name}\"; rename one, or drop the level by reset_index(drop=True)"
            )
        } else if named.iter().any(|(other, _)| *other == name) {
            format!("two levels of the index are named \"{name}\"; rename one")
        } else {
            // Given an integer, pandas looks for a level of that name first; the names here are unambiguous.
            let values =
                numbered.call_method1(intern!(py, "get_level_values"), (level.to_string(),));
            named.push((name, values.map_err(from_py_err)?));
            continue;
        };
        return Err(Error::Interface(message));
    }
    // By position, since two columns may have the same name.
    let by_position = frame.getattr(intern!(py, "iloc")).map_err(from_py_err)?;
    for (position, name) in columns.into_iter().enumerate() {
        let values = by_position.get_item((PySlice::full(py), position)).map_err(from_py_err)?;
        named.push((name, values));
    }
    Ok(named)
}

/// Converts a column's label to a name in the same way as pyarrow.
fn label(label: &Bound<'_, PyAny>) -> Result<String> {
    let text = if let Ok(labels) = label.cast::<PyTuple>() {
        let labels = labels.iter().map(|label| self::label(&label)).collect::<Result<Vec<_>>>()?;
        PyTuple::new(label.py(), labels).and_then(|labels| labels.str())
    } else if let Ok(text) = label.cast::<PyString>() {
        Ok(text.clone())
    } else {
        label.str()
    };
    let text = text.map_err(from_py_err)?;
    text.to_str().map(str::to_owned).map_err(|_| {
        let why =
            "the name of a column holds a lone surrogate, which UTF-8 cannot encode; rename it";
        Error::Interface(why.to_owned())
    })
}

/// The values of a column of objects as a numpy array; `None` for any other column, and for objects that are all
/// str, which pandas 3 has as a string column.
pub(super) fn object_array<'py>(values: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = values.py();
    let has_objects = |dtype: &Bound<'py, PyAny>| {
        Ok::<_, PyErr>(match dtype.getattr_opt(intern!(py, "hasobject"))? {
            Some(flag) => flag.is_truthy()?,
            None => false,
        })
    };
    let is_text = |values: &Bound<'py, PyAny>| {
        let types = py.import(intern!(py, "pandas"))?.getattr("api")?.getattr("types")?;
        let skip = [("skipna", true)].into_py_dict(py)?;
        let kind = types.call_method("infer_dtype", (values,), Some(&skip))?;
        Ok::<_, PyErr>(kind.extract::<String>()? == "string" && to_arrow(values).is_ok())
    };
    let dtype = values.getattr(intern!(py, "dtype"))?;
    let to_numpy = intern!(py, "to_numpy");
    if has_objects(&dtype)? {
        return if is_text(values)? { Ok(None) } else { Ok(Some(values.call_method0(to_numpy)?)) };
    }
    if type_name(&dtype).ends_with(".CategoricalDtype") {
        let categories = dtype.getattr(intern!(py, "categories"))?;
        if has_objects(&categories.getattr(intern!(py, "dtype"))?)? && !is_text(&categories)? {
            let options = [("dtype", "object")].into_py_dict(py)?;
            return values.call_method(to_numpy, (), Some(&options)).map(Some);
        }
    }
    Ok(None)
}

pub(super) fn to_arrow<'py>(values: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = values.py();
    let array = py.import(intern!(py, "pyarrow"))?.getattr(intern!(py, "Array"))?;
    array.call_method1(intern!(py, "from_pandas"), (values,))
}

/// The error for a column that pandas or pyarrow cannot convert.
pub(super) fn column_error(name: &str, values: &Bound<'_, PyAny>, error: PyErr) -> Error {
    let py = values.py();
    if !error.is_instance_of::<PyException>(py) || !is_library_error(&error, py) {
        return from_py_err(error);
    }
    let dtype = values
        .getattr(intern!(py, "dtype"))
        .map_or_else(|_| "column".into(), |dtype| dtype.to_string());
    let why = error.value(py);
    Error::Programming(format!(
        "column \"{name}\": pandas' {dtype} cannot be converted to Arrow ({why}); cast it first"
    ))
}

/// Whether an exception is of a class of numpy, pandas or pyarrow, or of a builtin class that they raise.
pub(super) fn is_library_error(error: &PyErr, py: Python<'_>) -> bool {
    let name = error.get_type(py).fully_qualified_name().map(|name| name.to_string());
    name.is_ok_and(|name| {
        let modules = ["numpy.", "pandas.", "pyarrow."];
        let builtin = ["TypeError", "ValueError", "OverflowError", "NotImplementedError"];
        modules.iter().any(|start| name.starts_with(start))
            || builtin.contains(&&*name)
            || name.starts_with("Unicode")
    })
}

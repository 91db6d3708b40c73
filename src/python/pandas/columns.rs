//! The columns of a frame of pandas, by name: which of them hold objects, and all others as Arrow arrays.

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PySlice, PyString, PyTuple};

use super::super::gather::type_name;
use super::super::gil::raised;
use crate::error::{Error, Result};

/// The columns of a frame by their names, those levels of its index first that have a name of their
/// own. By itself pandas exports any index but a range, and makes a range of whichever index it can.
pub(super) fn named_columns<'py>(
    frame: &Bound<'py, PyAny>,
) -> Result<Vec<(String, Bound<'py, PyAny>)>> {
    let py = frame.py();
    let labels = |index: &str, names: &str| -> Result<Vec<Bound<'py, PyAny>>> {
        let labels = frame.getattr(index).and_then(|index| index.getattr(names));
        labels.and_then(|labels| labels.try_iter()?.collect()).map_err(raised)
    };
    let columns = labels("columns", "values")?.iter().map(label).collect::<Result<Vec<_>>>()?;
    let levels = labels("index", "names")?;
    let index = frame.getattr(intern!(py, "index")).map_err(raised)?;
    let numbers: Vec<_> = (0..levels.len()).map(|level| level.to_string()).collect();
    let numbered = index.call_method1(intern!(py, "set_names"), (numbers,)).map_err(raised)?;
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
            // By a number pandas looks for a name first.
            let values =
                numbered.call_method1(intern!(py, "get_level_values"), (level.to_string(),));
            named.push((name, values.map_err(raised)?));
            continue;
        };
        return Err(Error::Interface(message));
    }
    // By place, for there may be two of one name.
    let by_place = frame.getattr(intern!(py, "iloc")).map_err(raised)?;
    for (place, name) in columns.into_iter().enumerate() {
        let values = by_place.get_item((PySlice::full(py), place)).map_err(raised)?;
        named.push((name, values));
    }
    Ok(named)
}

/// A column's label as a name, as pyarrow makes it.
fn label(label: &Bound<'_, PyAny>) -> Result<String> {
    let text = if let Ok(labels) = label.cast::<PyTuple>() {
        let labels = labels.iter().map(|label| self::label(&label)).collect::<Result<Vec<_>>>()?;
        PyTuple::new(label.py(), labels).and_then(|labels| labels.str())
    } else if let Ok(text) = label.cast::<PyString>() {
        Ok(text.clone())
    } else {
        label.str()
    };
    let text = text.map_err(raised)?;
    text.to_str().map(str::to_owned).map_err(|_| {
        let why =
            "the name of a column holds a lone surrogate, which UTF-8 cannot encode; rename it";
        Error::Interface(why.to_owned())
    })
}

/// The values of a column of objects as numpy's array; `None` for any other column, and for one of
/// nothing but text, which is what pandas 3 makes a column of text for.
pub(super) fn objects<'py>(values: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = values.py();
    let holds_objects = |dtype: &Bound<'py, PyAny>| {
        Ok::<_, PyErr>(match dtype.getattr_opt(intern!(py, "hasobject"))? {
            Some(holds) => holds.is_truthy()?,
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
    if holds_objects(&dtype)? {
        return if is_text(values)? { Ok(None) } else { Ok(Some(values.call_method0(to_numpy)?)) };
    }
    if type_name(&dtype).ends_with(".CategoricalDtype") {
        let categories = dtype.getattr(intern!(py, "categories"))?;
        if holds_objects(&categories.getattr(intern!(py, "dtype"))?)? && !is_text(&categories)? {
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

/// The error of a column that pandas or pyarrow do not convert.
pub(super) fn unread(name: &str, values: &Bound<'_, PyAny>, error: PyErr) -> Error {
    let py = values.py();
    if !error.is_instance_of::<PyException>(py) || !is_theirs(&error, py) {
        return raised(error);
    }
    let dtype = values
        .getattr(intern!(py, "dtype"))
        .map_or_else(|_| "column".into(), |dtype| dtype.to_string());
    let why = error.value(py);
    Error::Programming(format!(
        "column \"{name}\": pandas' {dtype} is not converted to Arrow ({why}); cast it first"
    ))
}

/// Whether an exception is one of numpy's, pandas' or pyarrow's, or a plain one that they raise.
pub(super) fn is_theirs(error: &PyErr, py: Python<'_>) -> bool {
    let name = error.get_type(py).fully_qualified_name().map(|name| name.to_string());
    name.is_ok_and(|name| {
        let theirs = ["numpy.", "pandas.", "pyarrow."];
        let plain = ["TypeError", "ValueError", "OverflowError", "NotImplementedError"];
        theirs.iter().any(|start| name.starts_with(start))
            || plain.contains(&&*name)
            || name.starts_with("Unicode")
    })
}

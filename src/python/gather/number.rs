//! Integers, floats and decimals out of Python's.

use arrow_buffer::i256;
use pyo3::exceptions::PyOverflowError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyBool, PyFloat, PyInt, PyString, PyType};

use super::{Refused, Taken, text, type_name, wrong_type};
use crate::wire::numeric::{NotScaled, put_text, scaled};

/// An integer of the builder's width; bool is none, numpy's are, and so is what an Enum stands for.
#[inline]
pub(in crate::python) fn integer<T>(value: &Bound<'_, PyAny>) -> Taken<T>
where
    T: TryFrom<i64>,
{
    let wide =
        if value.is_exact_instance_of::<PyInt>() { value.extract::<i64>() } else { index(value)? };
    let wide = match wide {
        Ok(wide) => wide,
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => {
            return Err(out_of_range(value));
        }
        Err(error) => return Err(error.into()),
    };
    T::try_from(wide).map_err(|_| out_of_range(value))
}

fn index(value: &Bound<'_, PyAny>) -> Taken<PyResult<i64>> {
    let is_integer = value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>();
    if is_integer || is_numpy_integer(value)? {
        return Ok(value.extract::<i64>());
    }
    if text::is_enum(value)? {
        let inner = value.getattr(intern!(value.py(), "value"))?;
        if inner.is_exact_instance_of::<PyInt>() {
            return Ok(inner.extract::<i64>());
        }
    }
    Err(wrong_type(value))
}

/// Whether a value is an integer of numpy's: neither a bool, nor an array, which have an index, too.
fn is_numpy_integer(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let name = type_name(value);
    let is_other = matches!(&*name, "numpy.bool" | "numpy.bool_" | "numpy.ndarray");
    Ok(name.starts_with("numpy.")
        && !is_other
        && value.hasattr(intern!(value.py(), "__index__"))?)
}

fn out_of_range(value: &Bound<'_, PyAny>) -> Refused {
    let shown = value.str().map_or_else(|_| "an int".to_owned(), |text| text.to_string());
    Refused::Unfit(format!("{shown} is out of range"))
}

/// Integers up to here are floats too, exactly.
const EXACT_FLOAT64: i64 = 1 << 53;
const EXACT_FLOAT32: i64 = 1 << 24;

#[inline]
pub(in crate::python) fn float64(value: &Bound<'_, PyAny>) -> Taken<f64> {
    float(value, EXACT_FLOAT64)
}

/// Rounded to float4's 24 bits, as the server's own assignment does; within its range.
pub(in crate::python) fn float32(value: &Bound<'_, PyAny>) -> Taken<f32> {
    let wide = float(value, EXACT_FLOAT32)?;
    #[expect(clippy::cast_possible_truncation, reason = "what is lost is checked next")]
    let narrow = wide as f32;
    if narrow.is_infinite() && wide.is_finite() || narrow == 0.0 && wide != 0.0 {
        return Err(out_of_range(value));
    }
    Ok(narrow)
}

#[inline]
fn float(value: &Bound<'_, PyAny>, exact: i64) -> Taken<f64> {
    if let Ok(float) = value.cast::<PyFloat>() {
        return Ok(float.value());
    }
    // That of 64 bits is a float of Python's, and a wider one may have digits that a float has not.
    if matches!(&*type_name(value), "numpy.float16" | "numpy.float32") {
        return Ok(value.extract::<f64>()?);
    }
    let integer: i64 = integer(value)?;
    if integer.abs() > exact {
        return Err(Refused::Unfit(format!(
            "{integer} has more digits than the float can hold exactly"
        )));
    }
    Ok(integer as f64)
}

pub(in crate::python) fn decimal_type(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    DECIMAL.import(py, "decimal", "Decimal")
}

/// The digits of a Decimal or of an instance of a subclass, whatever that prints itself as.
pub(in crate::python) fn decimal_text<'py>(
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    decimal_type(py)?.call_method1(intern!(py, "__str__"), (value,))
}

/// The digits of a Decimal, an int, or a float (the fewest that give it back). They are those of the
/// value: a subclass may print itself as anything.
pub(in crate::python) fn digits<'py>(value: &Bound<'py, PyAny>) -> Taken<Bound<'py, PyString>> {
    let py = value.py();
    let decimal = decimal_type(py)?;
    if value.is_exact_instance(decimal) {
        return Ok(value.str()?);
    }
    if value.is_instance(decimal)? {
        return decimal_text(value)?.cast_into::<PyString>().map_err(|_| wrong_type(value));
    }
    if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        // Python prints no int of over 4,300 digits, and of an Enum perhaps its name; a Decimal does not.
        let is_plain = value.is_exact_instance_of::<PyInt>() && value.extract::<i64>().is_ok();
        return if is_plain { Ok(value.str()?) } else { Ok(decimal.call1((value,))?.str()?) };
    }
    if let Ok(float) = value.cast::<PyFloat>() {
        return Ok(PyFloat::new(py, float.value()).str()?);
    }
    numpy_digits(value)
}

/// The digits of a number of numpy's that is none of Python's.
fn numpy_digits<'py>(value: &Bound<'py, PyAny>) -> Taken<Bound<'py, PyString>> {
    let py = value.py();
    match &*type_name(value) {
        "numpy.float16" | "numpy.float32" | "numpy.longdouble" | "numpy.float96"
        | "numpy.float128" => {
            // As str(), whatever numpy's options for printing are.
            let options = [("trim", "0")].into_py_dict(py)?;
            let print = py.import("numpy")?.getattr("format_float_positional")?;
            let text = print.call((value,), Some(&options))?;
            text.cast_into::<PyString>().map_err(|_| wrong_type(value))
        }
        _ if is_numpy_integer(value)? => Ok(value.call_method0("__index__")?.str()?),
        _ => Err(wrong_type(value)),
    }
}

#[inline]
pub(in crate::python) fn decimal128(value: &Bound<'_, PyAny>, scale: i32) -> Taken<i128> {
    let digits = digits(value)?;
    let text = digits.to_str()?;
    scaled(text, scale).map_err(|error| unfit(error, text, scale))
}

fn unfit(error: NotScaled, text: &str, scale: i32) -> Refused {
    Refused::Unfit(match error {
        NotScaled::Special => return Refused::Special,
        NotScaled::Syntax => "no number".to_owned(),
        NotScaled::TooFine => {
            format!("{text} has more than {scale} digits after the point; round it first")
        }
        NotScaled::TooLarge => format!("{text} has more digits than the column"),
    })
}

pub(in crate::python) fn decimal256(value: &Bound<'_, PyAny>, scale: i32) -> Taken<i256> {
    use crate::wire::numeric::{Numeric, parse};
    let digits = digits(value)?;
    let text = digits.to_str()?;
    let mut bytes = Vec::new();
    put_text(text, &mut bytes).map_err(|_| unfit(NotScaled::TooLarge, text, scale))?;
    match parse(&bytes) {
        Ok(Numeric::Finite(number)) => {
            let unscaled = number
                .unscaled_text(scale)
                .ok_or_else(|| unfit(NotScaled::TooFine, text, scale))?;
            i256::from_string(&unscaled).ok_or_else(|| unfit(NotScaled::TooLarge, text, scale))
        }
        _ => Err(unfit(NotScaled::Special, text, scale)),
    }
}

pub(in crate::python) fn numeric_text(value: &Bound<'_, PyAny>) -> Taken<String> {
    let digits = digits(value)?;
    let text = digits.to_str()?;
    let unsigned = text.trim_start_matches('-');
    if unsigned.starts_with("sNaN") || unsigned.starts_with("NaN") {
        return Ok("NaN".to_owned());
    }
    put_text(text, &mut Vec::new()).map_err(|_| Refused::Unfit(format!("{text} is no numeric")))?;
    Ok(text.to_owned())
}

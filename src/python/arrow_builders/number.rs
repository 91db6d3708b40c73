//! Converts Python's and numpy's integers, floats and decimals.

use arrow_buffer::i256;
use pyo3::exceptions::PyOverflowError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyBool, PyFloat, PyInt, PyString, PyType};

use super::{ConversionError, ConversionResult, text, type_name, wrong_type};
use crate::wire::numeric::{NotScaled, put_text, scaled};

/// An integer of the builder's width, out of an int, an integer of numpy or an Enum member with an int; not out of a bool.
#[inline]
pub(in crate::python) fn integer<T>(value: &Bound<'_, PyAny>) -> ConversionResult<T>
where
    T: TryFrom<i64>,
{
    T::try_from(wide_integer(value)?).map_err(|_| out_of_range(value))
}

/// As [`integer`], for all of the 64 bits of an unsigned integer.
pub(in crate::python) fn unsigned(value: &Bound<'_, PyAny>) -> ConversionResult<u64> {
    wide_integer(value)
}

#[inline]
fn wide_integer<'py, W>(value: &Bound<'py, PyAny>) -> ConversionResult<W>
where
    W: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    let wide: PyResult<W> =
        if value.is_exact_instance_of::<PyInt>() { value.extract() } else { index(value)? };
    match wide {
        Ok(wide) => Ok(wide),
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => {
            Err(out_of_range(value))
        }
        Err(error) => Err(error.into()),
    }
}

fn index<'py, W>(value: &Bound<'py, PyAny>) -> ConversionResult<PyResult<W>>
where
    W: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    let is_integer = value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>();
    if is_integer || is_numpy_integer(value)? {
        return Ok(value.extract());
    }
    if text::is_enum(value)? {
        let inner = value.getattr(intern!(value.py(), "value"))?;
        if inner.is_exact_instance_of::<PyInt>() {
            return Ok(inner.extract());
        }
    }
    Err(wrong_type(value))
}

/// Whether a value is an integer of numpy. Bools and arrays are not, although they have `__index__`, too.
fn is_numpy_integer(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let name = type_name(value);
    let is_other = matches!(&*name, "numpy.bool" | "numpy.bool_" | "numpy.ndarray");
    Ok(name.starts_with("numpy.")
        && !is_other
        && value.hasattr(intern!(value.py(), "__index__"))?)
}

fn out_of_range(value: &Bound<'_, PyAny>) -> ConversionError {
    let shown = value.str().map_or_else(|_| "an int".to_owned(), |text| text.to_string());
    ConversionError::InvalidValue(format!("{shown} is out of range"))
}

/// Floats hold all integers up to here exactly.
const EXACT_FLOAT64: i64 = 1 << 53;
const EXACT_FLOAT32: i64 = 1 << 24;

#[inline]
pub(in crate::python) fn float64(value: &Bound<'_, PyAny>) -> ConversionResult<f64> {
    float(value, EXACT_FLOAT64)
}

/// A float rounded to the 24 bits of float4, as the server rounds on assignment; an error if it is out of range.
pub(in crate::python) fn float32(value: &Bound<'_, PyAny>) -> ConversionResult<f32> {
    let wide = float(value, EXACT_FLOAT32)?;
    #[expect(clippy::cast_possible_truncation, reason = "overflow and underflow are checked next")]
    let narrow = wide as f32;
    if narrow.is_infinite() && wide.is_finite() || narrow == 0.0 && wide != 0.0 {
        return Err(out_of_range(value));
    }
    Ok(narrow)
}

#[inline]
fn float(value: &Bound<'_, PyAny>, exact: i64) -> ConversionResult<f64> {
    if let Ok(float) = value.cast::<PyFloat>() {
        return Ok(float.value());
    }
    // numpy.float64 is a subclass of float; a wider float may have more digits than a float can hold.
    if matches!(&*type_name(value), "numpy.float16" | "numpy.float32") {
        return Ok(value.extract::<f64>()?);
    }
    let integer: i64 = integer(value)?;
    if integer.abs() > exact {
        return Err(ConversionError::InvalidValue(format!(
            "{integer} has more digits than the float can hold exactly"
        )));
    }
    Ok(integer as f64)
}

pub(in crate::python) fn decimal_type(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    DECIMAL.import(py, "decimal", "Decimal")
}

/// The digits of a Decimal; a subclass may override `__str__`.
pub(in crate::python) fn decimal_text<'py>(
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    decimal_type(py)?.call_method1(intern!(py, "__str__"), (value,))
}

/// The digits of a Decimal, an int or a float (the fewest digits that give the same float). A subclass's
/// own `__str__` is not used.
pub(in crate::python) fn digits<'py>(
    value: &Bound<'py, PyAny>,
) -> ConversionResult<Bound<'py, PyString>> {
    let py = value.py();
    let decimal = decimal_type(py)?;
    if value.is_exact_instance(decimal) {
        return Ok(value.str()?);
    }
    if value.is_instance(decimal)? {
        return decimal_text(value)?.cast_into::<PyString>().map_err(|_| wrong_type(value));
    }
    if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        // str() refuses an int of over 4,300 digits, and may give the name of an IntEnum's member. Decimal has neither limit.
        let is_plain = value.is_exact_instance_of::<PyInt>() && value.extract::<i64>().is_ok();
        return if is_plain { Ok(value.str()?) } else { Ok(decimal.call1((value,))?.str()?) };
    }
    if let Ok(float) = value.cast::<PyFloat>() {
        return Ok(PyFloat::new(py, float.value()).str()?);
    }
    numpy_digits(value)
}

/// The digits of a number of numpy that is not a subclass of Python's.
fn numpy_digits<'py>(value: &Bound<'py, PyAny>) -> ConversionResult<Bound<'py, PyString>> {
    let py = value.py();
    match &*type_name(value) {
        "numpy.float16" | "numpy.float32" | "numpy.longdouble" | "numpy.float96"
        | "numpy.float128" => {
            // The text of str(), independent of numpy's print options.
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
pub(in crate::python) fn decimal128(
    value: &Bound<'_, PyAny>,
    scale: i32,
) -> ConversionResult<i128> {
    let digits = digits(value)?;
    let text = digits.to_str()?;
    scaled(text, scale).map_err(|error| not_scaled_error(error, text, scale))
}

fn not_scaled_error(error: NotScaled, text: &str, scale: i32) -> ConversionError {
    ConversionError::InvalidValue(match error {
        NotScaled::Special => return ConversionError::NonFinite,
        NotScaled::Syntax => "not a number".to_owned(),
        NotScaled::TooFine => {
            format!("{text} has more than {scale} digits after the point; round it first")
        }
        NotScaled::TooLarge => format!("{text} has more digits than the column"),
    })
}

pub(in crate::python) fn decimal256(
    value: &Bound<'_, PyAny>,
    scale: i32,
) -> ConversionResult<i256> {
    use crate::wire::numeric::{Numeric, parse};
    let digits = digits(value)?;
    let text = digits.to_str()?;
    let mut bytes = Vec::new();
    put_text(text, &mut bytes).map_err(|_| not_scaled_error(NotScaled::TooLarge, text, scale))?;
    match parse(&bytes) {
        Ok(Numeric::Finite(number)) => {
            let unscaled = number
                .unscaled_text(scale)
                .ok_or_else(|| not_scaled_error(NotScaled::TooFine, text, scale))?;
            i256::from_string(&unscaled)
                .ok_or_else(|| not_scaled_error(NotScaled::TooLarge, text, scale))
        }
        _ => Err(not_scaled_error(NotScaled::Special, text, scale)),
    }
}

pub(in crate::python) fn numeric_text(value: &Bound<'_, PyAny>) -> ConversionResult<String> {
    let digits = digits(value)?;
    let text = digits.to_str()?;
    let unsigned = text.trim_start_matches('-');
    if unsigned.starts_with("sNaN") || unsigned.starts_with("NaN") {
        return Ok("NaN".to_owned());
    }
    put_text(text, &mut Vec::new())
        .map_err(|_| ConversionError::InvalidValue(format!("{text} is not a numeric")))?;
    Ok(text.to_owned())
}

//! bool, integers, floats and numeric <-> Python's bool, int, float and Decimal.

use bytes::{BufMut, BytesMut};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString};

use super::super::arrow_builders::number::{
    decimal_type, digits, float32, float64, integer, unsigned,
};
use super::super::arrow_builders::{ConversionError, boolean};
use super::super::gil::from_py_err;
use super::{fixed_bytes, malformed, to_object};
use crate::error::Result;
use crate::wire::Malformed;
use crate::wire::numeric::{Numeric, parse, put_text};

type EncodeResult = Result<(), ConversionError>;

pub(super) fn encode_bool(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    out.put_u8(u8::from(boolean(value)?));
    Ok(())
}

pub(super) fn encode_int2(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    out.put_i16(integer(value)?);
    Ok(())
}

pub(super) fn encode_int4(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    out.put_i32(integer(value)?);
    Ok(())
}

pub(super) fn encode_int8(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    out.put_i64(integer(value)?);
    Ok(())
}

pub(super) fn encode_oid(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    out.put_u32(integer(value)?);
    Ok(())
}

pub(super) fn encode_xid8(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    out.put_u64(unsigned(value)?);
    Ok(())
}

pub(super) fn encode_float4(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    out.put_f32(float32(value)?);
    Ok(())
}

pub(super) fn encode_float8(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    out.put_f64(float64(value)?);
    Ok(())
}

pub(super) fn encode_numeric(value: &Bound<'_, PyAny>, out: &mut BytesMut) -> EncodeResult {
    let digits = digits(value)?;
    let text = digits.to_str()?;
    let unsigned = text.trim_start_matches('-');
    // A NaN of Decimal may have a sign, be signaling and have digits.
    let is_nan = unsigned.starts_with("sNaN") || unsigned.starts_with("NaN");
    let mut bytes = Vec::with_capacity(32);
    put_text(if is_nan { "NaN" } else { text }, &mut bytes)
        .map_err(|_| ConversionError::InvalidValue(format!("{text} is not a numeric")))?;
    out.put_slice(&bytes);
    Ok(())
}

pub(super) fn decode_bool<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    match cell {
        [byte] => Ok(PyBool::new(py, *byte != 0).to_owned().into_any()),
        _ => Err(malformed(Malformed::length(1, cell.len()))),
    }
}

pub(super) fn decode_int2<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    to_object(py, i16::from_be_bytes(fixed_bytes(cell)?))
}

pub(super) fn decode_int4<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    to_object(py, i32::from_be_bytes(fixed_bytes(cell)?))
}

pub(super) fn decode_int8<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    to_object(py, i64::from_be_bytes(fixed_bytes(cell)?))
}

pub(super) fn decode_oid<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    to_object(py, u32::from_be_bytes(fixed_bytes(cell)?))
}

/// Widens without a change: every float4 is a float8, too.
pub(super) fn decode_float4<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    to_object(py, f64::from(f32::from_be_bytes(fixed_bytes(cell)?)))
}

pub(super) fn decode_float8<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    to_object(py, f64::from_be_bytes(fixed_bytes(cell)?))
}

pub(super) fn decode_numeric<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    let numeric = parse(cell).map_err(malformed)?;
    let decimal = decimal_type(py).map_err(from_py_err)?;
    // Decimal(int) is faster than Decimal(str) for small integers.
    if let Numeric::Finite(digits) = &numeric
        && digits.scale == 0
        && let Some(whole) = digits.whole()
    {
        return decimal.call1((whole,)).map_err(from_py_err);
    }
    let mut text = String::with_capacity(40);
    numeric.text(&mut text);
    decimal.call1((PyString::new(py, &text),)).map_err(from_py_err)
}

//! Composite values <-> dicts, tuples and dataclasses; hstore <-> dicts.

use bytes::{BufMut, BytesMut};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::super::arrow_builders::composite::{FieldNames, in_field, map_items, members};
use super::super::arrow_builders::{ConversionError, is_missing_marker};
use super::super::gil::from_py_err;
use super::range::{patch_i32, with_length_prefix};
use super::text::decode_text;
use super::{Codec, malformed};
use crate::error::{Error, Result};
use crate::types::hstore::put_text;
use crate::wire::record;

/// Encodes and decodes composite values whose fields have a binary format.
pub(super) struct FieldCodecs {
    pub names: FieldNames,
    pub fields: Vec<FieldCodec>,
}

/// Encodes and decodes one field.
pub(super) struct FieldCodec {
    pub codec: Codec,
    pub name: String,
    /// The type's name, for messages.
    pub type_name: String,
    pub oid: u32,
}

impl FieldCodecs {
    /// Appends a composite value.
    pub fn encode(
        &self,
        value: &Bound<'_, PyAny>,
        out: &mut BytesMut,
    ) -> Result<(), ConversionError> {
        let values = members(value, &self.names)?;
        let count = i32::try_from(self.fields.len());
        out.put_i32(count.map_err(|_| ConversionError::InvalidValue("too many fields".into()))?);
        for (field, value) in self.fields.iter().zip(&values) {
            out.put_u32(field.oid);
            let start = out.len();
            if value.is_none() {
                out.put_i32(-1);
                continue;
            }
            match with_length_prefix(out, |out| field.codec.encode(value, out)) {
                Ok(()) => {}
                Err(ConversionError::WrongType(_)) if is_missing_marker(value) => {
                    out.truncate(start);
                    out.put_i32(-1);
                }
                Err(ConversionError::WrongType(what)) => {
                    let what = format!("expected {}, got {what}", field.type_name);
                    return Err(in_field(&field.name, ConversionError::WrongType(what)));
                }
                Err(error) => return Err(in_field(&field.name, error)),
            }
        }
        Ok(())
    }

    /// Decodes a composite value as a dict.
    pub fn decode<'py>(&self, py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
        let mut cells = Vec::with_capacity(self.fields.len());
        let oids = self.fields.iter().map(|field| field.oid);
        record::fields(oids, cell, |_, cell| cells.push(cell)).map_err(malformed)?;
        let dict = PyDict::new(py);
        for ((field, name), cell) in self.fields.iter().zip(self.names.get(py)).zip(cells) {
            let value = match cell {
                Some(cell) => field.codec.decode(py, cell).map_err(|error| match error {
                    Error::Value(mut value) => {
                        value.message = format!("field \"{}\": {}", field.name, value.message);
                        Error::Value(value)
                    }
                    error => error,
                })?,
                None => py.None().into_bound(py),
            };
            dict.set_item(name.bind(py), value).map_err(from_py_err)?;
        }
        Ok(dict.into_any())
    }
}

/// Appends a dict as an hstore.
pub(super) fn encode_hstore(
    value: &Bound<'_, PyAny>,
    out: &mut BytesMut,
) -> Result<(), ConversionError> {
    let (start, mut count, mut pairs) = (out.len(), 0_i32, Vec::new());
    out.put_i32(0);
    map_items(value, |key, value| {
        count += 1;
        put_text(key.as_bytes(), &mut pairs)?;
        if let Some(value) = value {
            return put_text(value.as_bytes(), &mut pairs);
        }
        pairs.extend((-1_i32).to_be_bytes());
        Ok(())
    })?;
    out.put_slice(&pairs);
    patch_i32(out, start, count);
    Ok(())
}

/// Decodes an hstore as a dict.
pub(super) fn decode_hstore<'py>(py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
    let mut pairs = Vec::new();
    record::pairs(cell, |key, value| pairs.push((key, value))).map_err(malformed)?;
    let dict = PyDict::new(py);
    for (key, value) in pairs {
        let value = match value {
            Some(value) => decode_text(py, value)?,
            None => py.None().into_bound(py),
        };
        dict.set_item(decode_text(py, key)?, value).map_err(from_py_err)?;
    }
    Ok(dict.into_any())
}

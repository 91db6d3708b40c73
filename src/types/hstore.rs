//! `hstore` of the extension of that name: an Arrow map of utf8 to utf8.
//!
//! Wire: see [`crate::wire::record`].

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, MapArray, StructArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, Fields};
use postgres_types::{Kind, Type};

use super::encode::variable;
use super::input::{NUL_IN_TEXT, is_text, slices};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, nullable_field};
use crate::wire::cells::Cells;
use crate::wire::record::pairs;

/// `hstore`.
pub struct Hstore;

/// The codec of a type, if it is `hstore`. An extension's type has no fixed OID.
#[must_use]
pub fn of(ty: &Type) -> Option<&'static dyn PgType> {
    let is_it = *ty.kind() == Kind::Simple && ty.name() == "hstore";
    is_it.then_some(&Hstore as &dyn PgType)
}

fn entry_fields() -> Fields {
    let (key, value) = ("key", "value");
    vec![Field::new(key, DataType::Utf8, false), Field::new(value, DataType::Utf8, true)].into()
}

fn entries_field() -> Arc<Field> {
    Arc::new(Field::new("entries", DataType::Struct(entry_fields()), false))
}

impl PgType for Hstore {
    fn pg_type(&self) -> Option<Type> {
        None
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Map(entries_field(), false))
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        let DataType::Map(entries, _) = source.data_type() else { return false };
        let DataType::Struct(fields) = entries.data_type() else { return false };
        fields.len() == 2 && fields.iter().all(|field| is_text(field.data_type()))
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        let maps = array.as_map_opt().ok_or_else(|| CellError::unexpected(array))?;
        let (keys, values) = (maps.keys(), maps.values());
        let (key_texts, value_texts) = (slices(keys.as_ref())?, slices(values.as_ref())?);
        variable(array, |index, out| {
            let (start, end) = match maps.value_offsets().get(index..index + 2) {
                Some(&[start, end]) => (start, end),
                _ => (0, 0),
            };
            out.extend_from_slice(&(end - start).to_be_bytes());
            let mut seen = HashSet::new();
            for entry in usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0) {
                let key = key_texts.get(entry).copied().unwrap_or_default();
                if keys.is_null(entry) {
                    return Err("a map with a NULL key".to_owned());
                }
                if !seen.insert(key) {
                    let key = String::from_utf8_lossy(key);
                    return Err(format!("a map with the key {key:?} twice"));
                }
                put_text(key, out)?;
                if values.is_null(entry) {
                    out.extend_from_slice(&(-1_i32).to_be_bytes());
                } else {
                    put_text(value_texts.get(entry).copied().unwrap_or_default(), out)?;
                }
            }
            Ok(())
        })
    }

    fn decoder(&self, _: &ColumnType, _: &ReadAs) -> Box<dyn Decode> {
        Box::new(Maps {
            keys: super::decode::strings(),
            values: super::decode::strings(),
            offsets: vec![0],
            nulls: NullBufferBuilder::new(0),
        })
    }
}

/// `HSTORE_MAX_KEY_LEN` and `HSTORE_MAX_VALUE_LEN` of `contrib/hstore/hstore.h`.
const MAX_BYTES: usize = 0x3fff_ffff;

/// Appends a key or a value after its length.
///
/// # Errors
/// When it holds NUL, or is too long.
pub fn put_text(text: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    if memchr::memchr(0, text).is_some() {
        return Err(NUL_IN_TEXT.to_owned());
    }
    let length = i32::try_from(text.len()).ok().filter(|_| text.len() <= MAX_BYTES);
    let length = length.ok_or_else(|| format!("{} bytes, over {MAX_BYTES}", text.len()))?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text);
    Ok(())
}

struct Maps {
    keys: Box<dyn Decode>,
    values: Box<dyn Decode>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Decode for Maps {
    fn extend(&mut self, cells: &[Option<&[u8]>]) -> Result<(), CellError> {
        let (mut keys, mut values, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for (index, cell) in cells.iter().enumerate() {
            if let Some(bytes) = cell {
                let push = |key, value| {
                    keys.push(Some(key));
                    values.push(value);
                };
                pairs(bytes, push).map_err(|malformed| CellError::new(index, malformed.0))?;
            }
            self.nulls.append(cell.is_some());
            ends.push(keys.len());
        }
        let row = |entry: usize| ends.iter().position(|end| entry < *end).unwrap_or(0);
        for (decoder, cells) in [(&mut self.keys, &keys), (&mut self.values, &values)] {
            let extended = decoder.extend(cells);
            extended.map_err(|error| CellError::new(row(error.index), error.message))?;
        }
        let base = self.offsets.last().copied().unwrap_or(0);
        for end in ends {
            let end = i32::try_from(end).ok().and_then(|end| base.checked_add(end));
            self.offsets.push(end.ok_or_else(|| {
                CellError::new(0, "a batch of over 2^31 pairs; lower batch_rows=")
            })?);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let columns = vec![self.keys.finish()?, self.values.finish()?];
        let entries = StructArray::try_new(entry_fields(), columns, None)?;
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let nulls = self.nulls.finish();
        Ok(Arc::new(MapArray::try_new(entries_field(), offsets, entries, nulls, false)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::builder::{MapBuilder, StringBuilder};

    #[test]
    fn test_encode_of_a_key_that_comes_twice_is_an_error() {
        let mut maps = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        for value in ["1", "2"] {
            maps.keys().append_value("a");
            maps.values().append_value(value);
        }
        maps.append(true).unwrap();
        let array = maps.finish();
        let declared = ColumnType::new(Type::TEXT, -1);
        let error = Hstore.encode(&declared, &array).unwrap_err();
        assert_eq!(error.message, "a map with the key \"a\" twice");
    }
}

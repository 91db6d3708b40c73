//! `uuid`: `arrow.uuid`; binaries of 16 bytes and text are accepted too.
//!
//! Wire: 16 bytes. `uuid_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/uuid.c>.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::extension::Uuid as ArrowUuid;
use arrow_schema::{ArrowError, DataType, Field};
use postgres_types::Type;

use super::encode::{validity, variable};
use super::input::{is_text, slices};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, extension, nullable_field};
use crate::wire::{self, cells::Cells};

/// `uuid`.
pub struct Uuid;

impl PgType for Uuid {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::UUID)
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::FixedSizeBinary(16)).with_extension_type(ArrowUuid)
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        let data_type = source.data_type();
        let is_binary = data_type.is_binary() && !matches!(data_type, DataType::FixedSizeBinary(_));
        is_text(data_type) || is_binary || *data_type == DataType::FixedSizeBinary(16)
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        let slices = slices(array)?;
        if array.data_type().is_binary() {
            let short =
                |(index, slice): (usize, &&[u8])| array.is_valid(index) && slice.len() != 16;
            return match slices.iter().enumerate().position(short) {
                None => Ok(Cells::slices(b"", slices, validity(array))),
                Some(index) => {
                    Err(CellError::new(index, "a binary that does not have the 16 bytes of a uuid"))
                }
            };
        }
        variable(array, |index, out| {
            let text = slices.get(index).copied().unwrap_or_default();
            let uuid =
                ::uuid::Uuid::try_parse_ascii(text).map_err(|_| "text that is not a uuid")?;
            out.extend_from_slice(uuid.as_bytes());
            Ok(())
        })
    }

    fn decoder(&self, _: &ColumnType, _: &ReadAs) -> Box<dyn Decode> {
        Box::new(UuidDecoder { values: Vec::new(), nulls: NullBufferBuilder::new(0) })
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        (extension(source) == "arrow.uuid").then(|| "uuid".into())
    }
}

struct UuidDecoder {
    values: Vec<u8>,
    nulls: NullBufferBuilder,
}

impl Decode for UuidDecoder {
    fn extend(&mut self, cells: &[Option<&[u8]>]) -> Result<(), CellError> {
        for (index, cell) in cells.iter().enumerate() {
            let bytes = cell.map(wire::fixed::<16>).transpose();
            let bytes = bytes.map_err(|malformed| CellError::new(index, malformed.0))?;
            self.values.extend_from_slice(&bytes.unwrap_or_default());
            self.nulls.append(bytes.is_some());
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let values = std::mem::take(&mut self.values).into();
        Ok(Arc::new(FixedSizeBinaryArray::try_new(16, values, self.nulls.finish())?))
    }
}

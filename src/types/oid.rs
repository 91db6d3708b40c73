//! `oid`: an Arrow uint32; integers of any width within the range are accepted.
//!
//! Wire: 4 bytes, big-endian, unsigned. `oidrecv` and `oidsend` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/oid.c>.

use arrow_array::Array;
use arrow_array::types::UInt32Type;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::primitive;
use super::input::{integers, is_integer};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, extension, nullable_field};
use crate::wire::{self, cells::Cells};

/// `oid`.
pub struct Oid;

impl PgType for Oid {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::OID)
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::UInt32)
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        is_integer(source.data_type()) && extension(source) != "arrow.bool8"
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        integers(array, |value| {
            u32::try_from(value)
                .map(u32::to_be_bytes)
                .map_err(|_| format!("{value} is out of range for oid"))
        })
    }

    fn decoder(&self, _: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        primitive::<UInt32Type, _>(DataType::UInt32, read_as.out_of_range, |cell| {
            Ok(u32::from_be_bytes(wire::fixed(cell)?))
        })
    }
}

//! `xid`, `cid` and `xid8`: Arrow's uint32 and uint64; integers of any width within the range are
//! accepted.
//!
//! Wire: 4 or 8 bytes, big-endian, unsigned. `xidrecv` and `xid8recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/xid.c>.

use arrow_array::Array;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::primitive;
use super::input::{integers, is_integer};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, extension, nullable_field};
use crate::wire::{self, cells::Cells};

/// `xid`.
pub struct Xid;
/// `cid`.
pub struct Cid;
/// `xid8`.
pub struct Xid8;

/// The OID of `xid8`, which `postgres_types` does not name: `pg_type.dat` of
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/catalog/pg_type.dat>.
macro_rules! transaction_id {
    ($name:ident, $pg_type:expr, $number:ty, $arrow:ident, $data_type:ident, $label:literal) => {
        impl PgType for $name {
            fn pg_type(&self) -> Option<Type> {
                Some($pg_type)
            }

            fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
                nullable_field(DataType::$data_type)
            }

            fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
                is_integer(source.data_type()) && extension(source) != "arrow.bool8"
            }

            fn encode<'a>(
                &self,
                _: &ColumnType,
                array: &'a dyn Array,
            ) -> Result<Cells<'a>, CellError> {
                integers(array, |value| {
                    <$number>::try_from(value)
                        .map(<$number>::to_be_bytes)
                        .map_err(|_| format!(concat!("{} is out of range for ", $label), value))
                })
            }

            fn decoder(&self, _: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
                primitive::<$arrow, _>(DataType::$data_type, read_as.out_of_range, |cell| {
                    Ok(<$number>::from_be_bytes(wire::fixed(cell)?))
                })
            }
        }
    };
}
transaction_id!(Xid, Type::XID, u32, UInt32Type, UInt32, "xid");
transaction_id!(Cid, Type::CID, u32, UInt32Type, UInt32, "cid");
transaction_id!(Xid8, Type::XID8, u64, UInt64Type, UInt64, "xid8");

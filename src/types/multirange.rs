//! Multiranges: an Arrow list of range structs, from every kind of list.
//!
//! Wire: see [`crate::wire::range`].

use arrow_array::Array;
use arrow_schema::{DataType, Field};
use postgres_types::{Kind, Type};

use super::array::{decoder, encode, for_elements, item, list_of};
use super::range::Range;
use super::{CellError, ColumnType, Decode, PgType, ReadAs, nullable_field};
use crate::wire::array::NotAList;
use crate::wire::cells::Cells;
use crate::wire::range::ranges;

/// The codec of every multirange type whose bound type has a codec.
pub struct Multirange;

/// The type of the ranges in it. Its OID is 0, as the wire format does not contain it.
fn range(declared: &ColumnType) -> Option<ColumnType> {
    let Kind::Multirange(bound) = declared.base().kind() else { return None };
    let name = declared.base().name().replace("multirange", "range");
    let ty = Type::new(name, 0, Kind::Range(bound.clone()), String::new());
    Some(declared.inner(&ty))
}

impl PgType for Multirange {
    fn pg_type(&self) -> Option<Type> {
        None
    }

    fn arrow(&self, declared: &ColumnType, read_as: &ReadAs) -> Field {
        let of = |range| list_of(&Range.arrow(&range, &for_elements(read_as)));
        range(declared).map_or_else(|| nullable_field(DataType::Null), of)
    }

    fn python_arrow_type(&self, declared: &ColumnType) -> Field {
        let of = |range| list_of(&Range.python_arrow_type(&range));
        range(declared).map_or_else(|| nullable_field(DataType::Null), of)
    }

    fn accepts(&self, declared: &ColumnType, source: &Field) -> bool {
        match (item(source.data_type()), range(declared)) {
            (Some(item), Some(range)) => super::accepts(&Range, &range, item),
            _ => false,
        }
    }

    fn encode<'a>(
        &self,
        declared: &ColumnType,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        let declared = range(declared).ok_or_else(|| CellError::unexpected(array))?;
        encode(&Range, &declared, array, |cells, range, out| {
            let count = i32::try_from(range.len()).map_err(|_| "over 2^31 ranges".to_owned())?;
            out.extend_from_slice(&count.to_be_bytes());
            for (position, index) in range.enumerate() {
                if cells.get(index).is_none() {
                    return Err(format!("element {position}: expected a range, got NULL"));
                }
                cells.put(index, out);
            }
            Ok(())
        })
    }

    fn decoder(&self, declared: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        let range = range(declared).unwrap_or(ColumnType::new(Type::BYTEA, -1));
        decoder(&Range, &range, &for_elements(read_as), |bytes, inner| {
            ranges(bytes, inner).map_err(NotAList::Malformed)
        })
    }
}

//! Multiranges: an Arrow list of ranges, from every kind of list of them.
//!
//! Wire: see [`crate::wire::range`].

use arrow_array::Array;
use arrow_schema::{DataType, Field};
use postgres_types::{Kind, Type};

use super::array::{decoder, encode, item, list_of, plainly};
use super::range::Range;
use super::{CellError, Declared, Decode, PgType, ReadAs, plain};
use crate::wire::array::NotAList;
use crate::wire::cells::Cells;
use crate::wire::range::ranges;

/// Every multirange type over a type that is known.
pub struct Multirange;

/// The type of the ranges in it: of no OID, for none goes over the wire.
fn range(declared: &Declared) -> Option<Declared> {
    let Kind::Multirange(end) = declared.base().kind() else { return None };
    let name = declared.base().name().replace("multirange", "range");
    let ty = Type::new(name, 0, Kind::Range(end.clone()), String::new());
    Some(Declared { ty, typmod: declared.typmod })
}

impl PgType for Multirange {
    fn pg_type(&self) -> Option<Type> {
        None
    }

    fn arrow(&self, declared: &Declared, read_as: &ReadAs) -> Field {
        let of = |range| list_of(&Range.arrow(&range, &plainly(read_as)));
        range(declared).map_or_else(|| plain(DataType::Null), of)
    }

    fn gathered(&self, declared: &Declared) -> Field {
        let of = |range| list_of(&Range.gathered(&range));
        range(declared).map_or_else(|| plain(DataType::Null), of)
    }

    fn accepts(&self, declared: &Declared, source: &Field) -> bool {
        match (item(source.data_type()), range(declared)) {
            (Some(item), Some(range)) => super::accepts(&Range, &range, item),
            _ => false,
        }
    }

    fn encode<'a>(
        &self,
        declared: &Declared,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        let declared = range(declared).ok_or_else(|| CellError::unexpected(array))?;
        encode(&Range, &declared, array, |cells, range, out| {
            let count = i32::try_from(range.len()).map_err(|_| "over 2^31 ranges".to_owned())?;
            out.extend_from_slice(&count.to_be_bytes());
            for (place, index) in range.enumerate() {
                if cells.get(index).is_none() {
                    return Err(format!("element {place}: expected a range, got NULL"));
                }
                cells.put(index, out);
            }
            Ok(())
        })
    }

    fn decoder(&self, declared: &Declared, read_as: &ReadAs) -> Box<dyn Decode> {
        let range = range(declared).unwrap_or(Declared { ty: Type::BYTEA, typmod: -1 });
        decoder(&Range, &range, &plainly(read_as), |bytes, inner| {
            ranges(bytes, inner).map_err(NotAList::Malformed)
        })
    }
}

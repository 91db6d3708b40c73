//! Enums: an Arrow dictionary of the labels in the order of `pg_enum`; strings are accepted.
//!
//! Wire: the label. `enum_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/enum.c>.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, PrimitiveArray, StringArray};
use arrow_schema::{ArrowError, DataType, Field};
use postgres_types::{Kind, Type};

use super::input::{is_text, slices, strings};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, nullable_field};
use crate::wire::cells::Cells;

/// The codec of every enum type.
pub struct Enumeration;

fn labels(declared: &ColumnType) -> &[String] {
    match declared.base().kind() {
        Kind::Enum(labels) => labels,
        _ => &[],
    }
}

impl PgType for Enumeration {
    fn pg_type(&self) -> Option<Type> {
        None
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)))
    }

    fn python_arrow_type(&self, _: &ColumnType) -> Field {
        nullable_field(DataType::Utf8)
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        is_text(source.data_type())
    }

    fn encode<'a>(
        &self,
        declared: &ColumnType,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        let labels = labels(declared);
        for (index, given) in slices(array)?.into_iter().enumerate() {
            if array.is_valid(index) && !labels.iter().any(|label| label.as_bytes() == given) {
                let known = labels.join(", ");
                let message = format!("not a label of {}; its labels are {known}", declared.name());
                return Err(CellError::new(index, message));
            }
        }
        strings(array, b"")
    }

    fn decoder(&self, declared: &ColumnType, _: &ReadAs) -> Box<dyn Decode> {
        let labels = labels(declared);
        let index = |(index, label): (usize, &String)| {
            Some((label.clone().into_bytes(), i32::try_from(index).ok()?))
        };
        Box::new(EnumDecoder {
            values: Arc::new(StringArray::from_iter_values(labels)),
            indices: labels.iter().enumerate().filter_map(index).collect(),
            keys: Vec::new(),
        })
    }
}

struct EnumDecoder {
    values: ArrayRef,
    indices: HashMap<Vec<u8>, i32>,
    keys: Vec<Option<i32>>,
}

impl Decode for EnumDecoder {
    fn extend(&mut self, cells: &[Option<&[u8]>]) -> Result<(), CellError> {
        for (index, cell) in cells.iter().enumerate() {
            let key = match cell {
                None => None,
                Some(label) => Some(*self.indices.get(*label).ok_or_else(|| {
                    let label = String::from_utf8_lossy(label);
                    CellError::new(index, format!("label {label:?} was added to the enum after the query was prepared; run it again"))
                })?),
            };
            self.keys.push(key);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let keys = PrimitiveArray::<Int32Type>::from(std::mem::take(&mut self.keys));
        Ok(Arc::new(DictionaryArray::try_new(keys, Arc::clone(&self.values))?))
    }
}

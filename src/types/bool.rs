//! `bool`: an Arrow bool; `arrow.bool8` is accepted too.
//!
//! Wire: one byte, 0 or 1. `boolrecv` and `boolsend` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/bool.c>.

use std::sync::Arc;

use arrow_array::builder::BooleanBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int8Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{ArrowError, DataType, Field};
use postgres_types::Type;

use super::encode::{fixed, validity};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, extension, nullable_field};
use crate::wire::{
    self,
    cells::{Cells, Fixed},
};

/// `bool`.
pub struct Bool;

impl PgType for Bool {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::BOOL)
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Boolean)
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        match source.data_type() {
            DataType::Boolean => true,
            DataType::Int8 => extension(source) == "arrow.bool8",
            _ => false,
        }
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        // Any byte but 0 is true: https://arrow.apache.org/docs/format/CanonicalExtensions.html#bit-boolean
        if *array.data_type() == DataType::Int8 {
            return fixed::<Int8Type, 1>(array, |value| [u8::from(value != 0)]);
        }
        let values = array.as_boolean_opt().ok_or_else(|| CellError::unexpected(array))?.values();
        Ok(Fixed::cells(values.iter().map(|value| [u8::from(value)]).collect(), validity(array)))
    }

    fn decoder(&self, _: &ColumnType, _: &ReadAs) -> Box<dyn Decode> {
        Box::new(BoolDecoder(BooleanBuilder::new()))
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        let null = ColumnType::new(Type::BOOL, -1);
        self.accepts(&null, source).then(|| "boolean".into())
    }
}

struct BoolDecoder(BooleanBuilder);

impl Decode for BoolDecoder {
    fn extend(&mut self, cells: &[Option<&[u8]>]) -> Result<(), CellError> {
        for (index, cell) in cells.iter().enumerate() {
            let value = cell.map(wire::fixed).transpose();
            let value = value.map_err(|malformed| CellError::new(index, malformed.0))?;
            self.0.append_option(value.map(|[byte]| byte != 0));
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(self.0.finish()))
    }
}

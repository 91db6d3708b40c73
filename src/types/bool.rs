//! `bool`: an Arrow bool, also from `arrow.bool8`.
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

use super::encode::{fixed, valid};
use super::{CellError, Declared, Decode, PgType, ReadAs, extension, plain};
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

    fn arrow(&self, _: &Declared, _: &ReadAs) -> Field {
        plain(DataType::Boolean)
    }

    fn accepts(&self, _: &Declared, source: &Field) -> bool {
        match source.data_type() {
            DataType::Boolean => true,
            DataType::Int8 => extension(source) == "arrow.bool8",
            _ => false,
        }
    }

    fn encode<'a>(&self, _: &Declared, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        // Any byte but 0 is true: https://arrow.apache.org/docs/format/CanonicalExtensions.html#bit-boolean
        if *array.data_type() == DataType::Int8 {
            return fixed::<Int8Type, 1>(array, |value| [u8::from(value != 0)]);
        }
        let values = array.as_boolean_opt().ok_or_else(|| CellError::unexpected(array))?.values();
        Ok(Fixed::cells(values.iter().map(|value| [u8::from(value)]).collect(), valid(array)))
    }

    fn decoder(&self, _: &Declared, _: &ReadAs) -> Box<dyn Decode> {
        Box::new(Booleans(BooleanBuilder::new()))
    }

    fn creates(&self, source: &Field) -> Option<String> {
        let null = Declared { ty: Type::BOOL, typmod: -1 };
        self.accepts(&null, source).then(|| "boolean".into())
    }
}

struct Booleans(BooleanBuilder);

impl Decode for Booleans {
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

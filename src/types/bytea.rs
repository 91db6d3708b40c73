//! `bytea`: an Arrow binary; every binary type is accepted.
//!
//! Wire: the bytes. `bytearecv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/bytea.c>.

use arrow_array::Array;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::binaries;
use super::encode::validity;
use super::input::slices;
use super::{CellError, ColumnType, Decode, PgType, ReadAs, extension, nullable_field};
use crate::wire::cells::Cells;

/// `bytea`.
pub struct Bytea;

impl PgType for Bytea {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::BYTEA)
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Binary)
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        matches!(
            source.data_type(),
            DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::FixedSizeBinary(_)
        )
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        Ok(Cells::slices(b"", slices(array)?, validity(array)))
    }

    fn decoder(&self, _: &ColumnType, _: &ReadAs) -> Box<dyn Decode> {
        binaries()
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        let declared = ColumnType::new(Type::BYTEA, -1);
        let claimed = self.accepts(&declared, source) && extension(source) != "arrow.uuid";
        claimed.then(|| "bytea".into())
    }
}

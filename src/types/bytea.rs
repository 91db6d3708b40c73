//! `bytea`: an Arrow binary, from every Arrow binary.
//!
//! Wire: the bytes. `bytearecv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/bytea.c>.

use arrow_array::Array;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::binaries;
use super::encode::valid;
use super::input::slices;
use super::{CellError, Declared, Decode, PgType, ReadAs, extension, plain};
use crate::wire::cells::Cells;

/// `bytea`.
pub struct Bytea;

impl PgType for Bytea {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::BYTEA)
    }

    fn arrow(&self, _: &Declared, _: &ReadAs) -> Field {
        plain(DataType::Binary)
    }

    fn accepts(&self, _: &Declared, source: &Field) -> bool {
        matches!(
            source.data_type(),
            DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::FixedSizeBinary(_)
        )
    }

    fn encode<'a>(&self, _: &Declared, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        Ok(Cells::slices(b"", slices(array)?, valid(array)))
    }

    fn decoder(&self, _: &Declared, _: &ReadAs) -> Box<dyn Decode> {
        binaries()
    }

    fn creates(&self, source: &Field) -> Option<String> {
        let declared = Declared { ty: Type::BYTEA, typmod: -1 };
        let claimed = self.accepts(&declared, source) && extension(source) != "arrow.uuid";
        claimed.then(|| "bytea".into())
    }
}

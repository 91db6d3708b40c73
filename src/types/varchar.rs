//! `varchar`: an Arrow utf8, text whose length the server checks.
//!
//! Wire: the bytes in the client's encoding, which is UTF-8. `varcharrecv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/varchar.c>.

use arrow_array::Array;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::strings as received;
use super::input::{is_text, strings as sent};
use super::{CellError, Declared, Decode, PgType, ReadAs, plain};
use crate::wire::cells::Cells;

/// `varchar`.
pub struct Varchar;

impl PgType for Varchar {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::VARCHAR)
    }

    fn arrow(&self, _: &Declared, _: &ReadAs) -> Field {
        plain(DataType::Utf8)
    }

    fn accepts(&self, _: &Declared, source: &Field) -> bool {
        is_text(source.data_type())
    }

    fn encode<'a>(&self, _: &Declared, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        sent(array, b"")
    }

    fn decoder(&self, _: &Declared, _: &ReadAs) -> Box<dyn Decode> {
        received()
    }
}

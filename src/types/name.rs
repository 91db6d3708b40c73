//! `name`: an Arrow utf8, an identifier of at most 63 bytes, which the server checks.
//!
//! Wire: the bytes in the client's encoding, which is UTF-8. `namerecv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/name.c>.

use arrow_array::Array;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::strings as received;
use super::input::{is_text, strings as sent};
use super::{CellError, Declared, Decode, PgType, ReadAs, plain};
use crate::wire::cells::Cells;

/// `name`.
pub struct Name;

impl PgType for Name {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::NAME)
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

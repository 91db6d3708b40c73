//! `json`: `arrow.json`, which is text; nothing is serialised again.
//!
//! Wire: the text as it was given. `json_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/json.c>.

use arrow_array::Array;
use arrow_schema::extension::Json as ArrowJson;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::strings as received;
use super::input::{is_text, strings as sent};
use super::{CellError, Declared, Decode, PgType, ReadAs, plain};
use crate::wire::cells::Cells;

/// `json`.
pub struct Json;

impl PgType for Json {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::JSON)
    }

    fn arrow(&self, _: &Declared, _: &ReadAs) -> Field {
        plain(DataType::Utf8).with_extension_type(ArrowJson::default())
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

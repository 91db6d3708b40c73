//! Types whose values Arrow holds as the text that the server prints, marked with the type's name;
//! their files define how the text is made from the binary format, and the other way round.

use arrow_array::Array;
use arrow_schema::extension::Opaque;
use arrow_schema::{DataType, Field};
use postgres_types::{Kind, Type};

use super::decode::formatted;
use super::encode::variable;
use super::input::{is_text, slices};
use super::{
    CellError, ColumnType, Decode, PgType, ReadAs, extension, nullable_field, opaque_name,
};
use crate::wire::Malformed;
use crate::wire::cells::Cells;

/// A type whose Arrow values are text.
pub struct TextForm {
    /// The type's name; types of extensions are found by it.
    pub(super) name: &'static str,
    /// The type, if it is built in.
    pub(super) built_in: Option<Type>,
    /// Appends the text of a binary value.
    pub(super) print: fn(&[u8], &mut String) -> Result<(), Malformed>,
    /// Appends the binary value of a text.
    pub(super) parse: fn(&str, &mut Vec<u8>) -> Result<(), String>,
    /// Checks a binary value against the type modifier, which is not -1.
    pub(super) check: fn(i32, &[u8]) -> Result<(), String>,
}

/// Accepts every value: the server refuses what the modifier does not allow.
#[expect(clippy::unnecessary_wraps, reason = "it stands where another type's check may fail")]
pub(super) fn checked_by_server(_: i32, _: &[u8]) -> Result<(), String> {
    Ok(())
}

impl TextForm {
    /// The text form of a type, if it has one.
    #[must_use]
    pub fn of(ty: &Type) -> Option<&'static Self> {
        super::TEXT_FORMS.iter().copied().find(|form| match &form.built_in {
            Some(built_in) => built_in == ty,
            None => *ty.kind() == Kind::Simple && ty.name() == form.name,
        })
    }

    /// Appends the text of a binary value.
    ///
    /// # Errors
    /// When the bytes are not a value of the type.
    pub fn print(&self, cell: &[u8], out: &mut String) -> Result<(), Malformed> {
        (self.print)(cell, out)
    }

    /// Appends the binary value of a text.
    ///
    /// # Errors
    /// When the text is not a value of the type.
    pub fn parse(&self, text: &str, out: &mut Vec<u8>) -> Result<(), String> {
        (self.parse)(text, out)
    }
}

impl PgType for TextForm {
    fn pg_type(&self) -> Option<Type> {
        self.built_in.clone()
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Utf8).with_extension_type(Opaque::new(self.name, "PostgreSQL"))
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        is_text(source.data_type())
            && (extension(source) != "arrow.opaque"
                || opaque_name(source).is_some_and(|name| name == self.name))
    }

    fn encode<'a>(
        &self,
        declared: &ColumnType,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        let slices = slices(array)?;
        variable(array, |index, out| {
            let bytes = slices.get(index).copied().unwrap_or_default();
            let text = std::str::from_utf8(bytes).map_err(|_| "text that is not UTF-8")?;
            let start = out.len();
            (self.parse)(text, out)?;
            self.check_exact(declared, out.get(start..).unwrap_or_default())
        })
    }

    fn check_exact(&self, declared: &ColumnType, cell: &[u8]) -> Result<(), String> {
        if declared.typmod == -1 { Ok(()) } else { (self.check)(declared.typmod, cell) }
    }

    fn decoder(&self, _: &ColumnType, _: &ReadAs) -> Box<dyn Decode> {
        formatted(self.print)
    }

    fn decodes_to_text(&self) -> bool {
        true
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        let is_it = self.built_in.is_some() && opaque_name(source).as_deref() == Some(self.name);
        is_it.then(|| match self.name {
            "char" => "\"char\"".to_owned(),
            "bit" => "varbit".to_owned(),
            name => name.to_owned(),
        })
    }
}

/// The error of a text that is not of the type.
pub(super) fn not_a(what: &str, example: &str) -> String {
    format!("text that is not {what}; write it as in {example}")
}

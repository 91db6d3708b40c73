//! The columns of a COPY, whose types no server describes.

use postgres_types::{Kind, Type};

use super::type_name::type_named;
use crate::error::{Error, Result};
use crate::types::{ColumnType, codec_for};

/// A column of a COPY: its name, and its type with a modifier.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub declared: ColumnType,
}

impl Column {
    /// A column of a type that is known by its name: a built-in type or an array of one, and an
    /// extension's type that howdah knows.
    ///
    /// The name is written as in SQL, or as the server's `format_type` writes it.
    ///
    /// # Errors
    /// When the text is not the name of such a type.
    pub fn new(name: impl Into<String>, type_name: &str) -> Result<Self> {
        let name = name.into();
        let declared = type_named(type_name)
            .map_err(|what| Error::Interface(format!("column \"{name}\": {what}")))?;
        Self::described(name, declared)
    }

    /// A column of any type, such as an enum, a domain or a range that a server has described.
    ///
    /// The OID of an array's element type must be right, because the values contain it.
    ///
    /// # Errors
    /// When howdah has no codec for the type.
    pub fn described(name: impl Into<String>, declared: ColumnType) -> Result<Self> {
        let name = name.into();
        if codec_for(&declared).is_none() {
            let ty = declared.name();
            let described = if is_described(&declared) {
                ""
            } else {
                "describe an enum by its labels, name the base type of a domain, or "
            };
            return Err(Error::NotSupported(format!(
                "column \"{name}\": howdah has no codec for type {ty}; {described}cast the column to text in SQL"
            )));
        }
        if let Some(element) = nameless_element(&declared.ty) {
            let element = element.name();
            return Err(Error::Interface(format!(
                "column \"{name}\": an array of {element} contains the OID of {element}; give it as element_oid"
            )));
        }
        Ok(Self { name, declared })
    }
}

/// Whether more is known of a type, or of an array's elements, than a name.
fn is_described(declared: &ColumnType) -> bool {
    let element = declared.element();
    let ty = element.as_ref().unwrap_or(declared).base();
    ty.oid() != 0 || *ty.kind() != Kind::Simple
}

/// The element type of an array, at any depth, whose OID is missing.
fn nameless_element(ty: &Type) -> Option<&Type> {
    match ty.kind() {
        Kind::Array(element) if element.oid() == 0 => Some(element),
        Kind::Array(inner) | Kind::Range(inner) | Kind::Multirange(inner) | Kind::Domain(inner) => {
            nameless_element(inner)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_column_of_type_without_codec_is_an_error() {
        let error = |ty| Column::new("x", ty).unwrap_err().to_string();
        assert!(
            error("pg_snapshot")
                .contains("column \"x\": howdah has no codec for type pg_snapshot; cast")
        );
        assert!(error("mood").contains("no codec for type mood; describe an enum"));
        assert!(error("mood[]").contains("no codec for type mood[]; describe an enum"));
        assert!(error("anyelement").contains("no codec"));
        assert!(error("int4; DROP").contains("not a type name"));
    }

    #[test]
    fn test_array_of_described_type_needs_its_oid() {
        let enumeration =
            |oid| Type::new("mood".into(), oid, Kind::Enum(vec!["ok".into()]), "public".into());
        let array = |oid| {
            let array =
                Type::new("_mood".into(), 0, Kind::Array(enumeration(oid)), "public".into());
            Column::described("x", ColumnType::new(array, -1))
        };
        assert!(array(16_400).is_ok());
        let error = array(0).unwrap_err().to_string();
        assert!(error.contains("contains the OID of mood"), "{error}");
        assert!(Column::described("x", ColumnType::new(enumeration(0), -1)).is_ok());
    }
}

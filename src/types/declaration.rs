//! The SQL declaration of a column's type, which a read notes in the metadata of its fields, so that
//! a table that is created from them has the same columns.

use std::collections::HashMap;

use arrow_schema::Field;
use postgres_types::{Kind, Type};

use super::{ColumnType, display_type, geometry, vector};

/// The key of the declaration in a field's metadata.
pub const DECLARATION: &str = "howdah.type";

/// The key of the Arrow type that the declaration belongs to: a field that was cast since has
/// another one.
const ARROW: &str = "howdah.arrow";

/// Notes the declaration of a column in its field.
#[must_use]
pub fn noted(field: Field, declared: &ColumnType) -> Field {
    let Some(declaration) = declaration(declared) else { return field };
    let noted = [(DECLARATION.to_owned(), declaration), (ARROW.to_owned(), display_type(&field))];
    let metadata: HashMap<_, _> = field.metadata().clone().into_iter().chain(noted).collect();
    field.with_metadata(metadata)
}

/// The declaration that is noted in a field, unless the field's type has changed since.
#[must_use]
pub fn of_field(field: &Field) -> Option<&str> {
    let arrow = field.metadata().get(ARROW)?;
    let declaration = field.metadata().get(DECLARATION)?;
    (*arrow == display_type(field)).then_some(declaration)
}

/// The declaration of a type with its modifier; `None` if the modifier's meaning is not known.
fn declaration(declared: &ColumnType) -> Option<String> {
    if let Some(element) = declared.element() {
        return Some(format!("{}[]", declaration(&element)?));
    }
    let (ty, typmod) = (&declared.ty, declared.typmod);
    let name = match *ty {
        Type::VARCHAR if typmod >= 4 => return Some(format!("varchar({})", typmod - 4)),
        Type::BPCHAR if typmod >= 4 => return Some(format!("character({})", typmod - 4)),
        Type::NUMERIC if typmod >= 4 => return Some(numeric(typmod - 4)),
        Type::BIT if typmod >= 0 => return Some(format!("bit({typmod})")),
        Type::VARBIT if typmod >= 0 => return Some(format!("bit varying({typmod})")),
        Type::TIME if typmod >= 0 => return Some(format!("time({typmod}) without time zone")),
        Type::TIMETZ if typmod >= 0 => return Some(format!("time({typmod}) with time zone")),
        Type::TIMESTAMP if typmod >= 0 => {
            return Some(format!("timestamp({typmod}) without time zone"));
        }
        Type::TIMESTAMPTZ if typmod >= 0 => {
            return Some(format!("timestamp({typmod}) with time zone"));
        }
        Type::INTERVAL if typmod >= 0 => return interval(typmod),
        Type::CHAR => "\"char\"".to_owned(),
        // An array of it without a length would be one of bit(1).
        Type::BIT => "bit varying".to_owned(),
        _ if Type::from_oid(ty.oid()).is_some() => ty.name().to_owned(),
        // A codec without a connection does not know the schema.
        _ if ty.schema().is_empty() => return None,
        _ => format!("{}.{}", quoted(ty.schema()), quoted(ty.name())),
    };
    let is_range = matches!(declared.base().kind(), Kind::Range(_) | Kind::Multirange(_));
    match typmod {
        -1 => Some(name),
        // A range has the modifier of a domain's bounds.
        _ if is_range => Some(name),
        _ if vector::width(ty).is_some() || ty.name() == "sparsevec" => {
            Some(format!("{name}({typmod})"))
        }
        _ if geometry::of(ty).is_some() => Some(format!("{name}{}", geometry::modifier(typmod)?)),
        _ => None,
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `numeric_typmod_precision` and `numeric_typmod_scale` of PostgreSQL's `numeric.c`.
fn numeric(typmod: i32) -> String {
    let (precision, scale) = (typmod >> 16 & 0xffff, ((typmod & 0x7ff) ^ 1024) - 1024);
    format!("numeric({precision},{scale})")
}

/// The precision in the lower half, and the mask of the fields in the upper one: `interval_out` and
/// `intervaltypmodout` of PostgreSQL's `timestamp.c`.
fn interval(typmod: i32) -> Option<String> {
    const FULL_PRECISION: i32 = 0xffff;
    let fields = match typmod >> 16 & 0x7fff {
        0x7fff => "",
        0x0004 => " year",
        0x0002 => " month",
        0x0006 => " year to month",
        0x0008 => " day",
        0x0400 => " hour",
        0x0800 => " minute",
        0x1000 => " second",
        0x0408 => " day to hour",
        0x0c08 => " day to minute",
        0x1c08 => " day to second",
        0x0c00 => " hour to minute",
        0x1c00 => " hour to second",
        0x1800 => " minute to second",
        _ => return None,
    };
    Some(match typmod & FULL_PRECISION {
        FULL_PRECISION => format!("interval{fields}"),
        precision => format!("interval{fields}({precision})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::DataType;

    #[test]
    fn test_declaration_has_the_modifier() {
        for (ty, typmod, expected) in [
            (Type::INT4, -1, Some("int4")),
            (Type::VARCHAR, 14, Some("varchar(10)")),
            (Type::VARCHAR_ARRAY, 14, Some("varchar(10)[]")),
            (Type::BPCHAR, -1, Some("bpchar")),
            (Type::NUMERIC, ((5 << 16) | (-2 & 0x7ff)) + 4, Some("numeric(5,-2)")),
            (Type::NUMERIC, ((3 << 16) | 5) + 4, Some("numeric(3,5)")),
            (Type::TIMESTAMPTZ, 3, Some("timestamp(3) with time zone")),
            (Type::INTERVAL, 0x1c08_0003, Some("interval day to second(3)")),
            (Type::INTERVAL, 0x0008_ffff, Some("interval day")),
            (Type::CHAR, -1, Some("\"char\"")),
            (Type::OID_ARRAY, -1, Some("oid[]")),
            (Type::POINT, 7, None),
        ] {
            let declared = ColumnType::new(ty, typmod);
            assert_eq!(declaration(&declared).as_deref(), expected, "{declared:?}");
        }
    }

    #[test]
    fn test_declaration_of_a_field_that_was_cast_is_none() {
        let field = Field::new("v", DataType::Utf8, true);
        let field = noted(field, &ColumnType::new(Type::VARCHAR, 14));
        assert_eq!(of_field(&field), Some("varchar(10)"));
        assert_eq!(of_field(&field.clone().with_data_type(DataType::Int32)), None);
        assert_eq!(of_field(&field.with_metadata(HashMap::new())), None);
    }
}

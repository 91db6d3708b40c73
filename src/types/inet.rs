//! `inet`: an Arrow utf8 of a host address and, unless it is the full length, its prefix.
//!
//! Wire: see [`crate::wire::inet`].

use arrow_array::Array;
use arrow_schema::extension::Opaque;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::bytes;
use super::encode::variable;
use super::input::{is_text, slices};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, nullable_field};
use crate::wire::cells::Cells;
use crate::wire::inet::Network;

/// `inet`.
pub struct Inet;

impl PgType for Inet {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::INET)
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Utf8)
    }

    fn python_arrow_type(&self, _: &ColumnType) -> Field {
        python_arrow_type("inet")
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        is_text(source.data_type())
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        encode(array, false)
    }

    fn decoder(&self, _: &ColumnType, _: &ReadAs) -> Box<dyn Decode> {
        decoder(false)
    }
}

/// An Arrow text field whose extension type marks it for Python's `ipaddress` values.
pub(super) fn python_arrow_type(name: &str) -> Field {
    nullable_field(DataType::Utf8).with_extension_type(Opaque::new(name, "PostgreSQL"))
}

/// Encodes addresses given as text; only networks if `is_cidr`.
pub(super) fn encode(array: &dyn Array, is_cidr: bool) -> Result<Cells<'static>, CellError> {
    let slices = slices(array)?;
    variable(array, |index, out| {
        let text = slices.get(index).copied().unwrap_or_default();
        let network = parse(std::str::from_utf8(text).unwrap_or_default(), is_cidr)?;
        out.extend_from_slice(&network.bytes(is_cidr));
        Ok(())
    })
}

/// Parses an address, or a network if `is_cidr`.
///
/// # Errors
/// When the text is neither.
pub fn parse(text: &str, is_cidr: bool) -> Result<Network, &'static str> {
    match Network::parse(text) {
        None => {
            Err("text that is not a network address; write all parts of it, as in 192.168.1.0/24")
        }
        Some(network) if is_cidr && !network.is_network() => Err(
            "a network address with bits set to the right of its prefix; clear them, or use inet",
        ),
        Some(network) => Ok(network),
    }
}

pub(super) fn decoder(is_cidr: bool) -> Box<dyn Decode> {
    bytes(true, move |cell, out| {
        let mut text = String::new();
        Network::read(cell)?.text(is_cidr, &mut text);
        out.extend_from_slice(text.as_bytes());
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_parse_of_bad_text_says_what_to_write() {
        assert!(parse("10.1", false).unwrap_err().contains("all parts"));
        assert!(parse("10.1.2.3/8", true).unwrap_err().contains("bits set to the right"));
        assert_eq!(parse("10.1.2.3/8", false).unwrap().prefix, 8);
    }
}

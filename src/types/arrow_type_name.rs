//! Parses the names that Arrow's libraries print for Arrow types.

use arrow_schema::{DataType, TimeUnit};

/// Parses an Arrow type name, ignoring case: `int64`, `decimal(20,4)`, `timestamp[us, UTC]`,
/// `large_string` and so on, or a name as arrow-rs prints it.
#[must_use]
pub fn data_type(name: &str) -> Option<DataType> {
    let lower = name.trim().to_lowercase();
    let plain = match lower.as_str() {
        "bool" | "boolean" => DataType::Boolean,
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int32" => DataType::Int32,
        "int64" => DataType::Int64,
        "uint8" => DataType::UInt8,
        "uint16" => DataType::UInt16,
        "uint32" => DataType::UInt32,
        "uint64" => DataType::UInt64,
        "float16" | "halffloat" => DataType::Float16,
        "float32" | "float" => DataType::Float32,
        "float64" | "double" => DataType::Float64,
        "string" | "utf8" | "str" => DataType::Utf8,
        "large_string" | "large_utf8" => DataType::LargeUtf8,
        "string_view" => DataType::Utf8View,
        "binary" => DataType::Binary,
        "large_binary" => DataType::LargeBinary,
        "date32" | "date" | "date32[day]" => DataType::Date32,
        "date64" | "date64[ms]" => DataType::Date64,
        _ => return parse_parameterised(name.trim(), &lower),
    };
    Some(plain)
}

fn parse_parameterised(name: &str, lower: &str) -> Option<DataType> {
    let (head, arguments) = lower.strip_suffix([')', ']'])?.split_once(['(', '['])?;
    let arguments: Vec<&str> = arguments.split(',').map(str::trim).collect();
    match (head, arguments.as_slice()) {
        ("decimal", [p, s]) => decimal(p.parse().ok()?, s.parse().ok()?),
        ("decimal128", [p, s]) => Some(DataType::Decimal128(p.parse().ok()?, s.parse().ok()?)),
        ("decimal256", [p, s]) => Some(DataType::Decimal256(p.parse().ok()?, s.parse().ok()?)),
        ("timestamp", [u]) => Some(DataType::Timestamp(unit(u)?, None)),
        ("timestamp", [u, _]) => {
            // Time zone names are case-sensitive.
            let zone = name.trim_end_matches([')', ']']).split_once(',')?.1.trim();
            let zone = zone.strip_prefix("tz=").unwrap_or(zone);
            Some(DataType::Timestamp(unit(u)?, Some(zone.into())))
        }
        ("time32", [u]) => Some(DataType::Time32(unit(u)?)),
        ("time64", [u]) => Some(DataType::Time64(unit(u)?)),
        ("duration", [u]) => Some(DataType::Duration(unit(u)?)),
        _ => name.parse().ok(),
    }
}

fn decimal(precision: u8, scale: i8) -> Option<DataType> {
    match precision {
        1..=38 => Some(DataType::Decimal128(precision, scale)),
        39..=76 => Some(DataType::Decimal256(precision, scale)),
        _ => None,
    }
}

fn unit(name: &str) -> Option<TimeUnit> {
    Some(match name {
        "s" => TimeUnit::Second,
        "ms" => TimeUnit::Millisecond,
        "us" | "µs" => TimeUnit::Microsecond,
        "ns" => TimeUnit::Nanosecond,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_data_type_of_names_returns_the_arrow_type() {
        for (name, expected) in [
            ("decimal(20,4)", Some(DataType::Decimal128(20, 4))),
            ("decimal(40, 4)", Some(DataType::Decimal256(40, 4))),
            ("Int64", Some(DataType::Int64)),
            ("string", Some(DataType::Utf8)),
            ("timestamp[ns]", Some(DataType::Timestamp(TimeUnit::Nanosecond, None))),
            (
                "timestamp[us, tz=Europe/Paris]",
                Some(DataType::Timestamp(TimeUnit::Microsecond, Some("Europe/Paris".into()))),
            ),
            ("decimal(77,0)", None),
            ("nonsense", None),
            ("timestamp[fortnight]", None),
        ] {
            assert_eq!(data_type(name), expected, "{name}");
        }
    }
}

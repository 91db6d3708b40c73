//! Compares Arrow values with the server's text.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef};
use arrow_cast::display::array_value_to_string;
use arrow_schema::{DataType, TimeUnit};
use howdah::types::ColumnType;

use crate::files;

/// Asserts that a value equals the server's text; lists are compared element by element.
pub fn assert_same(
    name: &str,
    row: usize,
    declared: &ColumnType,
    array: &ArrayRef,
    index: usize,
    text: Option<&String>,
) {
    assert_eq!(array.is_null(index), text.is_none(), "{name} row {row}: {text:?}");
    let Some(text) = text else { return };
    match declared.element() {
        None => {
            let same = agrees(array, index, text);
            let shown = || array_value_to_string(array, index);
            assert!(same, "{name} row {row}: expected {text:?}, got {:?}", shown());
        }
        Some(element) => {
            let (items, texts) = (items(array, index), files::elements(text));
            assert_eq!(items.len(), texts.len(), "{name} row {row}: {text}");
            for (position, text) in texts.iter().enumerate() {
                assert_same(name, row, &element, &items, position, text.as_ref());
            }
        }
    }
}

/// The elements of one list.
pub fn items(array: &ArrayRef, index: usize) -> ArrayRef {
    array.as_list::<i32>().value(index)
}

/// The first value as the number that Arrow stores.
pub fn raw(array: &ArrayRef) -> String {
    match array.data_type() {
        DataType::Date32 => array.as_primitive::<Date32Type>().value(0).to_string(),
        DataType::Time64(_) => array.as_primitive::<Time64MicrosecondType>().value(0).to_string(),
        DataType::Timestamp(..) => {
            array.as_primitive::<TimestampMicrosecondType>().value(0).to_string()
        }
        DataType::Interval(_) => {
            let value = array.as_primitive::<IntervalMonthDayNanoType>().value(0);
            format!("{} {} {}", value.months, value.days, value.nanoseconds)
        }
        _ => array_value_to_string(array, 0).unwrap(),
    }
}

fn agrees(array: &ArrayRef, index: usize, text: &str) -> bool {
    let shown = || array_value_to_string(array, index).unwrap();
    match array.data_type() {
        DataType::Boolean => shown() == if text == "t" { "true" } else { "false" },
        DataType::Float32 => {
            let value = array.as_primitive::<arrow_array::types::Float32Type>().value(index);
            let expected: f32 = text.parse().unwrap();
            value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan()
        }
        DataType::Float64 => {
            let value = array.as_primitive::<arrow_array::types::Float64Type>().value(index);
            let expected: f64 = text.parse().unwrap();
            value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan()
        }
        DataType::Binary => {
            let value = array.as_binary::<i32>().value(index);
            let hex = text.strip_prefix("\\x").unwrap().as_bytes().chunks(2);
            let byte = |hex| u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap();
            hex.map(byte).eq(value.iter().copied())
        }
        DataType::FixedSizeBinary(16) => {
            let value = array.as_fixed_size_binary().value(index);
            uuid::Uuid::from_slice(value).unwrap().to_string() == text
        }
        DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _) => {
            // Arrow formats only years AD of four digits.
            let is_common = text.as_bytes().get(4) == Some(&b'-') && !text.ends_with("BC");
            !is_common
                || server_style(&array_value_to_string(&with_offset(array), index).unwrap()) == text
        }
        DataType::Time64(TimeUnit::Microsecond) => server_style(&shown()) == text,
        DataType::Interval(_) => {
            let value = array.as_primitive::<IntervalMonthDayNanoType>().value(index);
            value.nanoseconds % 1000 == 0
        }
        DataType::Struct(fields) if fields.find("lower").is_none() => {
            structure(array, index) == text.replace('"', "")
        }
        DataType::Map(..) => map(array, index) == text,
        DataType::Struct(_) => range(array, index) == text.replace('"', ""),
        DataType::List(item) if matches!(item.data_type(), DataType::Struct(_)) => {
            let items = items(array, index);
            let ranges: Vec<String> =
                (0..items.len()).map(|position| range(&items, position)).collect();
            format!("{{{}}}", ranges.join(",")) == text.replace('"', "")
        }
        DataType::List(_) => vector(&items(array, index), text),
        DataType::FixedSizeList(..) => vector(&array.as_fixed_size_list().value(index), text),
        _ => shown() == text,
    }
}

/// Whether the numbers equal a vector in the server's format.
fn vector(numbers: &ArrayRef, text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap();
    let texts: Vec<&str> = inner.split(',').collect();
    texts.len() == numbers.len()
        && texts.iter().enumerate().all(|(position, text)| agrees(numbers, position, text))
}

/// Formats a composite value as the server does, without quotes; a timetz with its offset.
fn structure(array: &ArrayRef, index: usize) -> String {
    let structs = array.as_struct();
    let shown = |column: &ArrayRef| array_value_to_string(column, index).unwrap();
    if let Some(offsets) = structs.column_by_name("offset") {
        let seconds: i32 = shown(offsets).parse().unwrap();
        let (sign, seconds) = (if seconds < 0 { '-' } else { '+' }, seconds.unsigned_abs());
        let time = server_style(&shown(structs.column_by_name("time").unwrap()));
        let zone = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        let zone = zone.strip_suffix(":00").unwrap_or(&zone);
        return format!("{time}{sign}{}", zone.strip_suffix(":00").unwrap_or(zone));
    }
    let shown = |column| if Array::is_null(column, index) { String::new() } else { shown(column) };
    format!("({})", structs.columns().iter().map(shown).collect::<Vec<_>>().join(","))
}

/// Formats an hstore as the server does.
fn map(array: &ArrayRef, index: usize) -> String {
    let entries = array.as_map().value(index);
    let quoted = |column: &ArrayRef, entry: usize| {
        let text = column.as_string::<i32>();
        let escaped = || text.value(entry).replace('\\', "\\\\").replace('"', "\\\"");
        if text.is_null(entry) { "NULL".to_owned() } else { format!("\"{}\"", escaped()) }
    };
    let pair = |entry| {
        format!("{}=>{}", quoted(entries.column(0), entry), quoted(entries.column(1), entry))
    };
    (0..entries.len()).map(pair).collect::<Vec<_>>().join(", ")
}

/// Formats a range as the server does, without quotes.
fn range(array: &ArrayRef, index: usize) -> String {
    let range = array.as_struct();
    let flag = |name: &str| range.column_by_name(name).unwrap().as_boolean().value(index);
    if flag("empty") {
        return "empty".to_owned();
    }
    let end = |name: &str| {
        let ends = range.column_by_name(name).unwrap();
        let shown = array_value_to_string(&with_offset(ends), index).unwrap();
        if matches!(ends.data_type(), DataType::Timestamp(..)) {
            server_style(&shown)
        } else {
            shown
        }
    };
    let begin = if flag("lower_inc") { '[' } else { '(' };
    let close = if flag("upper_inc") { ']' } else { ')' };
    format!("{begin}{},{}{close}", end("lower"), end("upper"))
}

/// The array with its time zone as an offset, as Arrow cannot format zone names here.
fn with_offset(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Timestamp(_, Some(_)) => {
            let array = array.as_primitive::<TimestampMicrosecondType>().clone();
            Arc::new(array.with_timezone("+00:00"))
        }
        _ => Arc::clone(array),
    }
}

/// Converts Arrow's text of a time to the server's style: without `T`, `Z` and trailing zeros.
fn server_style(shown: &str) -> String {
    let (time, zone) = match shown.strip_suffix('Z') {
        Some(time) => (time, "+00"),
        None => (shown, ""),
    };
    let time = time.replace('T', " ");
    let time = match time.split_once('.') {
        Some((whole, fraction)) => match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        },
        None => time,
    };
    time + zone
}

//! Columns read as a requested Arrow type: each value is exact, or refused at its row.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Schema, TimeUnit};
use howdah::copy::decode::{Decoder, ReadColumn};
use howdah::types::{ColumnType, OutOfRange, ReadAs};
use howdah::wire::copy::{HEADER, TRAILER, tuples};
use howdah::{Error, Result};
use postgres_types::Type;

use crate::{encoded, plain};

/// Encodes an array, and decodes it as another type in batches of two rows.
fn read_as_type(
    declared: &ColumnType,
    array: ArrayRef,
    data_type: &DataType,
) -> Result<Vec<ArrayRef>> {
    let bytes = [&HEADER[..], &encoded(declared, array).unwrap(), &TRAILER].concat();
    let read_as = ReadAs { out_of_range: OutOfRange::Error, requested: Some(data_type.clone()) };
    let column = ReadColumn { name: "value".into(), declared: declared.clone(), read_as };
    let mut decoder = Decoder::new(&[column]);
    let field: Schema = decoder.schema().as_ref().clone();
    assert_eq!(field.field(0).data_type(), data_type);
    let mut batches = Vec::new();
    for rows in tuples(&bytes).unwrap().chunks(2) {
        decoder.extend(&rows.to_vec())?;
        batches.push(Arc::clone(decoder.finish()?.column(0)));
    }
    Ok(batches)
}

fn refused_at(declared: &ColumnType, array: ArrayRef, data_type: &DataType) -> u64 {
    match read_as_type(declared, array, data_type) {
        Err(Error::Value(error)) => error.row.unwrap(),
        other => panic!("expected an error with a row, got {other:?}"),
    }
}

fn longs(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn stamps(values: &[i64]) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values.to_vec()))
}

fn zoned(values: &[i64]) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values.to_vec()).with_timezone("UTC"))
}

#[test]
fn test_requested_types_that_hold_every_value_are_accepted() {
    let zone = |unit, zone: &str| DataType::Timestamp(unit, Some(zone.into()));
    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("é")]));
    let days: ArrayRef = Arc::new(Date32Array::from(vec![0, -1, 20_000]));
    let cents = Decimal128Array::from(vec![150, -200, 0]).with_precision_and_scale(15, 2);
    let cents: ArrayRef = Arc::new(cents.unwrap());
    for (ty, array, data_type) in [
        (Type::INT8, longs(&[1, -1, 127]), DataType::Int8),
        (Type::INT8, longs(&[1, 2, 255]), DataType::UInt8),
        (Type::INT8, longs(&[1, 2, 1 << 53]), DataType::Float64),
        (Type::INT8, longs(&[1, 2, 3]), DataType::Decimal128(20, 0)),
        (Type::TEXT, Arc::clone(&text), DataType::LargeUtf8),
        (Type::TEXT, Arc::clone(&text), DataType::Utf8View),
        (Type::TEXT, text, DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into())),
        (Type::DATE, days, DataType::Date64),
        (Type::TIMESTAMP, stamps(&[0, 1, -1]), DataType::Timestamp(TimeUnit::Nanosecond, None)),
        (
            Type::TIMESTAMP,
            stamps(&[0, 1000, -1000]),
            DataType::Timestamp(TimeUnit::Millisecond, None),
        ),
        (Type::TIMESTAMPTZ, zoned(&[0, 1, -1]), zone(TimeUnit::Microsecond, "Europe/Paris")),
        (Type::TIMESTAMPTZ, zoned(&[0, 1, -1]), zone(TimeUnit::Nanosecond, "UTC")),
        (Type::NUMERIC, Arc::clone(&cents), DataType::Decimal128(20, 4)),
        (Type::NUMERIC, Arc::clone(&cents), DataType::Decimal256(50, 2)),
        (Type::NUMERIC, cents, DataType::Float64),
    ] {
        let (sent, shown) = (array.len(), format!("{ty} as {data_type}"));
        let got = read_as_type(&plain(ty), array, &data_type)
            .unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(got.iter().map(Array::len).sum::<usize>(), sent, "{shown}");
    }
}

#[test]
fn test_text_may_be_requested_for_every_time_type() {
    let days: ArrayRef = Arc::new(Date32Array::from(vec![0]));
    for (ty, array) in [
        (Type::DATE, days),
        (Type::TIMESTAMP, stamps(&[0])),
        (Type::TIMESTAMPTZ, zoned(&[0])),
        (Type::INT8, longs(&[1])),
    ] {
        let got = read_as_type(&plain(ty.clone()), array, &DataType::Utf8);
        assert!(got.is_ok(), "{ty}: {}", got.unwrap_err());
    }
}

#[test]
fn test_values_that_would_change_are_refused_at_their_row() {
    let ns = DataType::Timestamp(TimeUnit::Nanosecond, None);
    let ms = DataType::Timestamp(TimeUnit::Millisecond, None);
    let floats = |values: &[f64]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
    for (ty, array, data_type, row) in [
        (Type::INT8, longs(&[1, 2, 3, 300]), DataType::Int8, 3),
        (Type::INT8, longs(&[1, 2, -3]), DataType::UInt64, 2),
        (Type::INT8, longs(&[1, (1 << 53) + 1]), DataType::Float64, 1),
        (Type::FLOAT8, floats(&[0.5, 1.0, 0.1]), DataType::Float32, 2),
        (Type::FLOAT8, floats(&[0.5]), DataType::Int64, 0),
        (Type::TIMESTAMP, stamps(&[0, 0, i64::MAX / 1000 + 1]), ns, 2),
        (Type::TIMESTAMP, stamps(&[0, 0, 1]), ms, 2),
    ] {
        let shown = format!("{ty} as {data_type}");
        assert_eq!(refused_at(&plain(ty), array, &data_type), row, "{shown}");
    }
}

#[test]
fn test_numbers_that_a_decimal_cannot_hold_are_refused_at_their_row() {
    let number = |value: i128, scale: i8| {
        let array = Decimal128Array::from(vec![0, 0, value]).with_precision_and_scale(38, scale);
        Arc::new(array.unwrap()) as ArrayRef
    };
    let numeric = plain(Type::NUMERIC);
    assert_eq!(refused_at(&numeric, number(1001, 3), &DataType::Decimal128(10, 2)), 2);
    assert_eq!(refused_at(&numeric, number(100, 0), &DataType::Decimal128(2, 0)), 2);
    assert_eq!(refused_at(&numeric, number((1 << 53) + 1, 0), &DataType::Float64), 2);
    let nan: ArrayRef = Arc::new(Float64Array::from(vec![0.0, 1.0, 2.0, f64::NAN]));
    assert_eq!(refused_at(&numeric, nan, &DataType::Decimal128(10, 2)), 3);
}

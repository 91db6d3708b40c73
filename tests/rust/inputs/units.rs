//! Numbers and times of every width and unit.

use std::sync::Arc;

use arrow_array::types::{
    DurationMillisecondType, DurationNanosecondType, DurationSecondType, Int8Type, Int16Type,
    Int64Type, IntervalDayTimeType, IntervalYearMonthType, Time32MillisecondType, Time32SecondType,
    Time64NanosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, Date32Array, Date64Array, Decimal32Array, Decimal64Array,
    Decimal128Array, Decimal256Array, Float16Array, Float32Array, Float64Array, Int8Array,
    Int64Array, PrimitiveArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow_buffer::{IntervalDayTime, NullBuffer, ScalarBuffer, i256};
use arrow_schema::Field;
use arrow_schema::extension::Bool8;
use half::f16;
use howdah::types::ColumnType;
use howdah::wire::numeric::{parse, put_text};
use postgres_types::Type;

use crate::{accepted, cells, encoded, encoded_as, plain, refused, refused_at};

fn one<T: ArrowPrimitiveType>(value: T::Native) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values([value]))
}

/// A NULL row with this value in its slot.
fn null_slot<T: ArrowPrimitiveType>(value: T::Native) -> ArrayRef {
    let nulls = NullBuffer::from(vec![false]);
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(vec![value]), Some(nulls)))
}

fn numbers(declared: &ColumnType, array: ArrayRef) -> Vec<Option<String>> {
    let text = |bytes: Vec<u8>| {
        let mut text = String::new();
        parse(&bytes).unwrap().text(&mut text);
        text
    };
    let encoded = encoded(declared, array).unwrap();
    cells(&encoded).into_iter().map(|cell| cell.map(text)).collect()
}

fn numeric(precision: i32, scale: i32) -> ColumnType {
    ColumnType::new(Type::NUMERIC, ((precision << 16) | (scale & 0x7ff)) + 4)
}

#[test]
fn test_integers_of_every_width_are_checked_by_range() {
    let wide: [(ArrayRef, i128); 8] = [
        (one::<Int8Type>(i8::MIN), i8::MIN.into()),
        (one::<UInt8Type>(u8::MAX), u8::MAX.into()),
        (one::<Int16Type>(i16::MIN), i16::MIN.into()),
        (one::<UInt16Type>(u16::MAX), u16::MAX.into()),
        (one::<UInt32Type>(u32::MAX), u32::MAX.into()),
        (one::<Int64Type>(i64::MIN), i64::MIN.into()),
        (one::<Int64Type>(i64::MAX), i64::MAX.into()),
        (one::<UInt64Type>(u64::MAX), u64::MAX.into()),
    ];
    for (array, value) in wide {
        let bytes = |fits: Option<Vec<u8>>, ty: Type| {
            if let Some(bytes) = fits {
                assert_eq!(accepted(ty.clone(), Arc::clone(&array)), [Some(bytes)], "{value} {ty}");
            } else {
                assert_eq!(refused_at(ty.clone(), Arc::clone(&array)), 0, "{value} {ty}");
            }
        };
        bytes(i16::try_from(value).ok().map(|v| v.to_be_bytes().to_vec()), Type::INT2);
        bytes(i32::try_from(value).ok().map(|v| v.to_be_bytes().to_vec()), Type::INT4);
        bytes(i64::try_from(value).ok().map(|v| v.to_be_bytes().to_vec()), Type::INT8);
        bytes(u32::try_from(value).ok().map(|v| v.to_be_bytes().to_vec()), Type::OID);
        assert_eq!(numbers(&plain(Type::NUMERIC), array), [Some(value.to_string())]);
    }
}

#[test]
fn test_values_out_of_range_of_null_rows_are_null() {
    for (ty, array) in [
        (Type::INT2, null_slot::<Int64Type>(i64::MAX)),
        (Type::INT8, null_slot::<UInt64Type>(u64::MAX)),
        (Type::TIME, null_slot::<Time64NanosecondType>(-1)),
        (Type::TIMESTAMP, null_slot::<TimestampNanosecondType>(1)),
        (Type::TIMESTAMP, null_slot::<TimestampSecondType>(i64::MAX)),
        (Type::INTERVAL, null_slot::<DurationNanosecondType>(1)),
        (Type::NUMERIC, null_slot::<UInt64Type>(u64::MAX)),
        (Type::FLOAT8, null_slot::<Int64Type>(i64::MAX)),
    ] {
        assert_eq!(accepted(ty.clone(), array), [None], "{ty}");
    }
}

#[test]
fn test_bool8_is_accepted_only_as_bool() {
    let array = || Arc::new(Int8Array::from(vec![Some(0), Some(1), Some(-7), None])) as ArrayRef;
    let field = Field::new("value", arrow_schema::DataType::Int8, true).with_extension_type(Bool8);
    let bytes = encoded_as(&plain(Type::BOOL), field.clone(), array()).unwrap();
    assert_eq!(cells(&bytes), [Some(vec![0]), Some(vec![1]), Some(vec![1]), None]);
    for ty in [Type::INT2, Type::INT8, Type::OID, Type::FLOAT8, Type::NUMERIC, Type::TEXT] {
        assert!(encoded_as(&plain(ty), field.clone(), array()).is_err());
    }
    assert!(encoded(&plain(Type::BOOL), array()).is_err());
}

#[test]
fn test_integers_to_floats_are_exact_or_refused() {
    let exact = |value: i64| Arc::new(Int64Array::from(vec![value])) as ArrayRef;
    assert_eq!(
        accepted(Type::FLOAT8, exact(1 << 53)),
        [Some(2_f64.powi(53).to_be_bytes().to_vec())]
    );
    assert_eq!(refused_at(Type::FLOAT8, exact((1 << 53) + 1)), 0);
    assert_eq!(
        accepted(Type::FLOAT4, exact(-(1 << 24))),
        [Some((-(2_f32.powi(24))).to_be_bytes().to_vec())]
    );
    assert_eq!(refused_at(Type::FLOAT4, exact((1 << 24) + 1)), 0);
}

#[test]
fn test_floats_of_every_width_to_floats_and_numerics_are_encoded() {
    let half: ArrayRef = Arc::new(Float16Array::from(vec![f16::from_f32(1.5), f16::INFINITY]));
    let float8 = |value: f64| Some(value.to_be_bytes().to_vec());
    assert_eq!(accepted(Type::FLOAT8, Arc::clone(&half)), [float8(1.5), float8(f64::INFINITY)]);
    let shown =
        |values: &[&str]| values.iter().map(|text| Some((*text).to_owned())).collect::<Vec<_>>();
    assert_eq!(numbers(&plain(Type::NUMERIC), half), shown(&["1.5", "Infinity"]));
    let single: ArrayRef = Arc::new(Float32Array::from(vec![0.1, -0.0, f32::NAN]));
    assert_eq!(numbers(&plain(Type::NUMERIC), single), shown(&["0.1", "0", "NaN"]));
    let double: ArrayRef = Arc::new(Float64Array::from(vec![0.1, 1e22, 5e-324, f64::NEG_INFINITY]));
    let tiny = format!("0.{}5", "0".repeat(323));
    let expected = shown(&["0.1", "10000000000000000000000", &tiny, "-Infinity"]);
    assert_eq!(numbers(&plain(Type::NUMERIC), double), expected);
    let wide: ArrayRef = Arc::new(Float64Array::from(vec![1.5, 1e39]));
    assert_eq!(refused_at(Type::FLOAT4, wide), 1);
}

#[test]
fn test_decimals_of_every_width_keep_every_digit() {
    let arrays: [ArrayRef; 4] = [
        Arc::new(Decimal32Array::from(vec![-12_340]).with_precision_and_scale(9, 3).unwrap()),
        Arc::new(Decimal64Array::from(vec![-12_340]).with_precision_and_scale(18, 3).unwrap()),
        Arc::new(Decimal128Array::from(vec![-12_340]).with_precision_and_scale(38, 3).unwrap()),
        Arc::new(
            Decimal256Array::from(vec![i256::from_i128(-12_340)])
                .with_precision_and_scale(76, 3)
                .unwrap(),
        ),
    ];
    for array in arrays {
        let number = |declared| numbers(&declared, Arc::clone(&array));
        assert_eq!(
            number(plain(Type::NUMERIC)),
            [Some("-12.340".to_owned())],
            "{}",
            array.data_type()
        );
        let (row, message) = refused(&numeric(10, 1), Arc::clone(&array));
        assert_eq!(row, 0);
        assert!(message.contains("numeric(10,1)"), "{message}");
        // Trailing zeros may be dropped.
        assert!(encoded(&numeric(10, 2), Arc::clone(&array)).is_ok(), "{}", array.data_type());
    }
}

#[test]
fn test_decimals_of_greatest_precision_keep_every_digit() {
    let nines = "9".repeat(38);
    let greatest: i128 = nines.parse().unwrap();
    for scale in 0..=38_i8 {
        let values = vec![greatest, -greatest, 1];
        let array = Decimal128Array::from(values).with_precision_and_scale(38, scale).unwrap();
        let expected: Vec<_> = (0..3).map(|index| Some(array.value_as_string(index))).collect();
        assert_eq!(numbers(&plain(Type::NUMERIC), Arc::new(array)), expected, "scale {scale}");
    }
    for (scale, text) in [(-2, format!("{nines}00")), (-38, format!("{nines}{}", "0".repeat(38)))] {
        let array =
            Decimal128Array::from(vec![greatest]).with_precision_and_scale(38, scale).unwrap();
        assert_eq!(numbers(&plain(Type::NUMERIC), Arc::new(array)), [Some(text)], "scale {scale}");
    }
    let nines = "9".repeat(76);
    let value = i256::from_string(&nines).unwrap();
    let array = Decimal256Array::from(vec![value]).with_precision_and_scale(76, 76).unwrap();
    assert_eq!(numbers(&plain(Type::NUMERIC), Arc::new(array)), [Some(format!("0.{nines}"))]);
}

#[test]
fn test_decimals_with_too_many_digits_are_errors_at_their_row() {
    for (values, row) in [(vec![100, 1230, 1234], 2), (vec![1], 0)] {
        let array = Decimal128Array::from(values).with_precision_and_scale(10, 3).unwrap();
        assert_eq!(refused(&numeric(10, 2), Arc::new(array)).0, row);
    }
    let array: ArrayRef = Arc::new(Float64Array::from(vec![1.25, 1.255]));
    assert_eq!(refused(&numeric(10, 2), array).0, 1);
    let array: ArrayRef = Arc::new(Int64Array::from(vec![100, 150]));
    assert_eq!(refused(&numeric(5, -2), array).0, 1);
}

#[test]
fn test_times_of_every_unit_are_microseconds_or_refused() {
    let us = |value: i64| [Some(value.to_be_bytes().to_vec())];
    assert_eq!(accepted(Type::TIME, one::<Time32SecondType>(86_399)), us(86_399_000_000));
    assert_eq!(accepted(Type::TIME, one::<Time32MillisecondType>(1)), us(1000));
    assert_eq!(accepted(Type::TIME, one::<Time64NanosecondType>(5000)), us(5));
    assert_eq!(accepted(Type::TIME, one::<Time32SecondType>(86_400)), us(86_400_000_000));
    assert_eq!(refused_at(Type::TIME, one::<Time64NanosecondType>(5001)), 0);
    assert_eq!(refused_at(Type::TIME, one::<Time32SecondType>(86_401)), 0);
    assert_eq!(refused_at(Type::TIME, one::<Time32SecondType>(i32::MIN)), 0);
}

#[test]
fn test_timestamps_of_every_unit_are_microseconds_or_refused() {
    const EPOCH_S: i64 = 946_684_800;
    let us = |value: i64| [Some(value.to_be_bytes().to_vec())];
    let ty = || Type::TIMESTAMP;
    assert_eq!(accepted(ty(), one::<TimestampSecondType>(EPOCH_S + 1)), us(1_000_000));
    assert_eq!(accepted(ty(), one::<TimestampMillisecondType>(EPOCH_S * 1000 - 1)), us(-1000));
    assert_eq!(
        accepted(ty(), one::<TimestampNanosecondType>((EPOCH_S * 1_000_000 - 1) * 1000)),
        us(-1)
    );
    for array in [
        one::<TimestampSecondType>(i64::MAX),
        one::<TimestampSecondType>(i64::MIN),
        one::<TimestampMillisecondType>(i64::MAX),
        one::<TimestampNanosecondType>(1),
        one::<TimestampNanosecondType>(-1),
        Arc::new(TimestampMicrosecondArray::from(vec![i64::MIN])),
    ] {
        assert_eq!(refused_at(ty(), array), 0);
    }
    // A value that would be the server's infinity is refused.
    let infinity = i64::MIN + EPOCH_S * 1_000_000;
    assert_eq!(refused_at(ty(), Arc::new(TimestampMicrosecondArray::from(vec![infinity]))), 0);
}

#[test]
fn test_timestamps_of_all_zones_are_utc_and_need_timestamptz() {
    let array = |zone: Option<&str>| {
        let array = TimestampMicrosecondArray::from(vec![0]);
        Arc::new(match zone {
            Some(zone) => array.with_timezone(zone),
            None => array,
        }) as ArrayRef
    };
    let utc = accepted(Type::TIMESTAMPTZ, array(Some("UTC")));
    for zone in ["+00:00", "Europe/Paris", "-05:30", "Nowhere/At_All"] {
        assert_eq!(accepted(Type::TIMESTAMPTZ, array(Some(zone))), utc);
        assert!(encoded(&plain(Type::TIMESTAMP), array(Some(zone))).is_err());
    }
    assert!(encoded(&plain(Type::TIMESTAMPTZ), array(None)).is_err());
}

#[test]
fn test_dates_of_both_widths_are_days_or_refused() {
    let days = |value: i32| [Some(value.to_be_bytes().to_vec())];
    let ms = |value: i64| Arc::new(Date64Array::from(vec![value])) as ArrayRef;
    assert_eq!(accepted(Type::DATE, ms(10_957 * 86_400_000)), days(0));
    assert_eq!(accepted(Type::DATE, ms(-86_400_000)), days(-10_958));
    assert_eq!(refused_at(Type::DATE, ms(1)), 0);
    assert_eq!(refused_at(Type::DATE, ms(i64::MIN / 86_400_000 * 86_400_000)), 0);
    for bad in [i32::MIN, i32::MIN + 10_957] {
        assert_eq!(refused_at(Type::DATE, Arc::new(Date32Array::from(vec![bad]))), 0);
    }
}

#[test]
fn test_interval_fields_are_not_converted_to_each_other() {
    let parts = |us: i64, days: i32, months: i32| {
        let bytes = [&us.to_be_bytes()[..], &days.to_be_bytes(), &months.to_be_bytes()].concat();
        [Some(bytes)]
    };
    assert_eq!(accepted(Type::INTERVAL, one::<IntervalYearMonthType>(-14)), parts(0, 0, -14));
    let day_time = IntervalDayTime::new(-3, 90_000_000);
    assert_eq!(
        accepted(Type::INTERVAL, one::<IntervalDayTimeType>(day_time)),
        parts(90_000_000_000, -3, 0)
    );
    assert_eq!(accepted(Type::INTERVAL, one::<DurationMillisecondType>(-1)), parts(-1000, 0, 0));
    assert_eq!(
        accepted(Type::INTERVAL, one::<DurationSecondType>(172_800)),
        parts(172_800_000_000, 0, 0)
    );
    assert_eq!(refused_at(Type::INTERVAL, one::<DurationSecondType>(i64::MAX)), 0);
    assert_eq!(refused_at(Type::INTERVAL, one::<DurationNanosecondType>(999)), 0);
}

#[test]
fn test_uint64_over_int8_is_an_error_at_its_row() {
    let array = UInt64Array::from(vec![Some(1), None, Some(u64::MAX)]);
    let (row, message) = refused(&plain(Type::INT8), Arc::new(array));
    assert_eq!(row, 2);
    assert!(message.contains("18446744073709551615"), "{message}");
}

#[test]
fn test_opaque_text_to_numeric_keeps_its_scale() {
    let mut expected = Vec::new();
    put_text("-12.3400", &mut expected).unwrap();
    let array: ArrayRef = Arc::new(arrow_array::StringArray::from(vec!["-12.3400"]));
    let field = Field::new("value", arrow_schema::DataType::Utf8, true)
        .with_extension_type(arrow_schema::extension::Opaque::new("numeric", "PostgreSQL"));
    let bytes = encoded_as(&plain(Type::NUMERIC), field, Arc::clone(&array)).unwrap();
    assert_eq!(cells(&bytes), [Some(expected)]);
    assert!(encoded(&plain(Type::NUMERIC), array).is_err());
}

//! Random arrays of every type: decoding what was encoded returns the same array.

use std::sync::Arc;

use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type,
    Int64Type, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
    UInt32Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, DictionaryArray,
    FixedSizeBinaryArray, Int32Array, ListArray, PrimitiveArray, RecordBatch, StringArray,
};
use arrow_buffer::{IntervalMonthDayNano, NullBuffer, OffsetBuffer, i256};
use arrow_schema::{DataType, Field, Schema};
use howdah::types::{ColumnType, OutOfRange, ReadAs, codec_for};
use howdah::wire::copy::{HEADER, TRAILER, tuples};
use postgres_types::{Kind, Type};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::columns::{decoded, decoded_rows, encoded_rows};
use crate::plain;

const EPOCH_DAYS: i32 = 10_957;
const EPOCH_US: i64 = 946_684_800_000_000;
/// Numbers in the format of `numeric_out`: without leading zeros, and zero without a sign.
const NUMERIC_TEXT: &str = "-?[1-9][0-9]{0,60}(\\.[0-9]{1,60})?|0(\\.0{1,40})?\
    |-?0\\.0{0,40}[1-9][0-9]{0,9}|NaN|-?Infinity";
const TEXTS: [Type; 6] =
    [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::JSON, Type::JSONB];
const LABELS: [&str; 4] = ["sad", "ok", "happy", "très content"];

/// A type, and an array of its Arrow type.
type Column = (ColumnType, ArrayRef);

/// An array of primitive values and NULLs.
fn primitives<T: ArrowPrimitiveType>(
    declared: ColumnType,
    value: impl Strategy<Value = T::Native> + 'static,
    of: impl Fn(PrimitiveArray<T>) -> PrimitiveArray<T> + 'static,
) -> BoxedStrategy<Column>
where
    T::Native: std::fmt::Debug,
{
    let column = move |values: Vec<Option<T::Native>>| {
        let array = of(values.into_iter().collect::<PrimitiveArray<T>>());
        (declared.clone(), Arc::new(array) as ArrayRef)
    };
    vec(option::weighted(0.8, value), 0..40).prop_map(column).boxed()
}

fn texts(ty: Type, pattern: &'static str) -> BoxedStrategy<Column> {
    let column = move |values: Vec<Option<String>>| {
        (plain(ty.clone()), Arc::new(StringArray::from(values)) as ArrayRef)
    };
    vec(option::weighted(0.8, pattern), 0..40).prop_map(column).boxed()
}

fn numeric(precision: u8, scale: i8) -> ColumnType {
    let typmod = (i32::from(precision) << 16 | i32::from(scale)) + 4;
    ColumnType::new(Type::NUMERIC, typmod)
}

fn decimals() -> BoxedStrategy<Column> {
    let shape = (1..=38_u8).prop_flat_map(|precision| (Just(precision), 0..=precision));
    let column = |(precision, scale): (u8, u8)| {
        let scale = i8::try_from(scale).unwrap();
        let end = 10_i128.pow(precision.into());
        // Numbers of all lengths are equally likely.
        let value = (1 - end..end, 0..127_u32).prop_map(|(value, shift)| value >> shift);
        primitives::<Decimal128Type>(numeric(precision, scale), value, move |array| {
            array.with_precision_and_scale(precision, scale).unwrap()
        })
    };
    shape.prop_flat_map(column).boxed()
}

fn wide_decimals() -> BoxedStrategy<Column> {
    let shape = (39..=76_u8).prop_flat_map(|precision| (Just(precision), 0..=precision));
    let column = |(precision, scale): (u8, u8)| {
        let scale = i8::try_from(scale).unwrap();
        let digits = proptest::string::string_regex(&format!("-?[0-9]{{1,{precision}}}")).unwrap();
        let value = digits.prop_map(|digits| i256::from_string(&digits).unwrap());
        primitives::<Decimal256Type>(numeric(precision, scale), value, move |array| {
            array.with_precision_and_scale(precision, scale).unwrap()
        })
    };
    shape.prop_flat_map(column).boxed()
}

fn times() -> BoxedStrategy<Column> {
    prop_oneof![
        primitives::<Date32Type>(
            plain(Type::DATE),
            i32::MIN + EPOCH_DAYS + 1..=i32::MAX,
            |array| array
        ),
        primitives::<Time64MicrosecondType>(plain(Type::TIME), 0..86_400_000_000_i64, |array| {
            array
        }),
        primitives::<TimestampMicrosecondType>(
            plain(Type::TIMESTAMP),
            i64::MIN + EPOCH_US + 1..=i64::MAX,
            |array| array
        ),
        primitives::<TimestampMicrosecondType>(
            plain(Type::TIMESTAMPTZ),
            i64::MIN + EPOCH_US + 1..=i64::MAX,
            |array| array.with_timezone("UTC")
        ),
        primitives::<IntervalMonthDayNanoType>(
            plain(Type::INTERVAL),
            (any::<i32>(), any::<i32>(), any::<i64>()).prop_map(|(months, days, ns)| {
                IntervalMonthDayNano::new(months, days, ns / 1000 * 1000)
            }),
            |array| array
        ),
    ]
    .boxed()
}

fn others() -> BoxedStrategy<Column> {
    let bools = vec(option::weighted(0.8, any::<bool>()), 0..40)
        .prop_map(|values| (plain(Type::BOOL), Arc::new(BooleanArray::from(values)) as ArrayRef));
    let bytes = vec(option::weighted(0.8, vec(any::<u8>(), 0..30)), 0..40).prop_map(|values| {
        (plain(Type::BYTEA), Arc::new(values.into_iter().collect::<BinaryArray>()) as ArrayRef)
    });
    let uuids = vec(option::weighted(0.8, any::<[u8; 16]>()), 0..40).prop_map(|values| {
        let array =
            FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.into_iter(), 16).unwrap();
        (plain(Type::UUID), Arc::new(array) as ArrayRef)
    });
    let moods = vec(option::weighted(0.8, 0..4_i32), 0..40).prop_map(|keys| {
        let kind = Kind::Enum(LABELS.map(str::to_owned).to_vec());
        let values = Arc::new(StringArray::from_iter_values(LABELS));
        let array = DictionaryArray::new(Int32Array::from(keys), values);
        (
            plain(Type::new("mood".into(), 70_000, kind, "public".into())),
            Arc::new(array) as ArrayRef,
        )
    });
    let domains = primitives::<Int32Type>(
        plain(Type::new("age".into(), 70_001, Kind::Domain(Type::INT4), "public".into())),
        any::<i32>(),
        |array| array,
    );
    prop_oneof![bools, bytes, uuids, moods, domains].boxed()
}

/// Columns of every type except arrays.
fn scalars() -> BoxedStrategy<Column> {
    let floats = (any::<u32>().prop_map(f32::from_bits), any::<u64>().prop_map(f64::from_bits));
    prop_oneof![
        3 => others(),
        1 => primitives::<Int16Type>(plain(Type::INT2), any::<i16>(), |array| array),
        1 => primitives::<Int32Type>(plain(Type::INT4), any::<i32>(), |array| array),
        1 => primitives::<Int64Type>(plain(Type::INT8), any::<i64>(), |array| array),
        1 => primitives::<UInt32Type>(plain(Type::OID), any::<u32>(), |array| array),
        1 => primitives::<Float32Type>(plain(Type::FLOAT4), floats.0, |array| array),
        1 => primitives::<Float64Type>(plain(Type::FLOAT8), floats.1, |array| array),
        2 => decimals(),
        1 => wide_decimals(),
        1 => texts(Type::NUMERIC, NUMERIC_TEXT),
        3 => prop::sample::select(TEXTS.to_vec()).prop_flat_map(|ty| texts(ty, "[^\0]{0,20}")),
        3 => times(),
    ]
    .boxed()
}

/// Lists of the values of any other column.
fn lists() -> BoxedStrategy<Column> {
    let list = |(declared, values): Column| {
        let count = values.len();
        (Just((declared, values)), vec(0..=count, 0..8), vec(prop::bool::weighted(0.8), 9))
    };
    let column = |((declared, values), mut cuts, valid): (Column, Vec<usize>, Vec<bool>)| {
        cuts.sort_unstable();
        let ends = cuts.iter().copied().chain([values.len()]);
        let mut start = 0;
        let lengths: Vec<usize> =
            ends.map(|end| end - std::mem::replace(&mut start, end)).collect();
        // NULL lists are empty here: the values of a NULL list are not encoded.
        let nulls = lengths.iter().zip(valid).map(|(length, valid)| valid || *length > 0);
        let nulls: NullBuffer = nulls.collect::<Vec<bool>>().into();
        let field = field(&declared, &values).with_name("item");
        let offsets = OffsetBuffer::from_lengths(lengths);
        let array = ListArray::new(Arc::new(field), offsets, values, Some(nulls));
        let name = format!("_{}", declared.ty.name());
        let ty = Type::new(name, 70_002, Kind::Array(declared.ty), "public".into());
        (ColumnType::new(ty, declared.typmod), Arc::new(array) as ArrayRef)
    };
    scalars().prop_flat_map(list).prop_map(column).boxed()
}

/// Encodes a column and decodes it.
fn round_trip(declared: &ColumnType, array: &ArrayRef) -> ArrayRef {
    let schema = Schema::new(vec![field(declared, array)]);
    let batch = round_trip_rows(std::slice::from_ref(declared), schema, vec![Arc::clone(array)]);
    Arc::clone(batch.column(0))
}

/// Encodes columns and decodes them.
fn round_trip_rows(declared: &[ColumnType], schema: Schema, arrays: Vec<ArrayRef>) -> RecordBatch {
    let batch = RecordBatch::try_new(Arc::new(schema), arrays).unwrap();
    let bytes = [&HEADER[..], &encoded_rows(declared, &batch).unwrap(), &TRAILER].concat();
    decoded_rows(declared, OutOfRange::Error, &tuples(&bytes).unwrap()).unwrap()
}

/// The field of the array, with the extension type that the type is read with.
fn field(declared: &ColumnType, array: &dyn Array) -> Field {
    let read_as = codec_for(declared).unwrap().arrow(declared, &ReadAs::default());
    read_as.with_name("value").with_data_type(array.data_type().clone())
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() }
}

/// Columns of every type.
fn columns() -> BoxedStrategy<Column> {
    prop_oneof![scalars(), lists()].boxed()
}

/// Columns whose Arrow type is not a dictionary.
fn flat_columns() -> BoxedStrategy<Column> {
    let is_flat = |(_, array): &Column| !matches!(array.data_type(), DataType::Dictionary(..));
    scalars().prop_filter("not a dictionary", is_flat).boxed()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn test_arrays_of_every_type_round_trip((declared, array) in columns()) {
        let back = round_trip(&declared, &array);
        prop_assert_eq!(back.to_data(), array.to_data(), "{}", declared.name());
    }

    #[test]
    fn test_slices_round_trip(
        (declared, array) in columns(),
        cuts: [prop::sample::Index; 2],
    ) {
        let [start, end] = cuts.map(|cut| cut.index(array.len() + 1));
        let slice = array.slice(start.min(end), start.abs_diff(end));
        let back = round_trip(&declared, &slice);
        prop_assert_eq!(back.to_data(), slice.to_data(), "{}", declared.name());
    }

    #[test]
    fn test_dictionaries_round_trip_as_their_values(
        (declared, array) in flat_columns(),
        picks in vec(option::weighted(0.8, any::<prop::sample::Index>()), 0..30),
    ) {
        let pick = |pick: &Option<prop::sample::Index>| {
            let pick = pick.filter(|_| !array.is_empty())?;
            i32::try_from(pick.index(array.len())).ok()
        };
        let keys: Int32Array = picks.iter().map(pick).collect();
        let packed: ArrayRef = Arc::new(DictionaryArray::new(keys, Arc::clone(&array)));
        let flat = arrow_cast::cast(&packed, array.data_type()).unwrap();
        let back = round_trip(&declared, &packed);
        prop_assert_eq!(back.to_data(), flat.to_data(), "{}", declared.name());
    }

    #[test]
    fn test_decoding_any_bytes_as_any_type_never_panics(
        (declared, _) in columns(),
        cells in vec(vec(any::<u8>(), 0..40), 1..5),
    ) {
        let cells: Vec<Option<&[u8]>> = cells.iter().map(|cell| Some(cell.as_slice())).collect();
        for policy in [OutOfRange::Error, OutOfRange::Null, OutOfRange::Clamp, OutOfRange::Text] {
            let _ = decoded(&declared, policy, &cells);
        }
    }

    #[test]
    fn test_several_columns_round_trip_in_order(columns in vec(columns(), 1..6)) {
        let rows = columns.iter().map(|(_, array)| array.len()).min().unwrap();
        let fields = columns.iter().map(|(declared, array)| field(declared, array));
        let schema = Schema::new(fields.collect::<Vec<Field>>());
        let arrays: Vec<ArrayRef> = columns.iter().map(|(_, array)| array.slice(0, rows)).collect();
        let declared: Vec<ColumnType> = columns.into_iter().map(|(declared, _)| declared).collect();
        let got = round_trip_rows(&declared, schema, arrays.clone());
        for (got, array) in got.columns().iter().zip(&arrays) {
            prop_assert_eq!(got.to_data(), array.to_data());
        }
    }
}

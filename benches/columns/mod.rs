//! Generates columns of every type, and TPC-H's lineitem; each run has the same values.

mod lineitem;

use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, ListBuilder, PrimitiveBuilder};
use arrow_array::types::{Int32Type, IntervalMonthDayNanoType};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array,
    DictionaryArray, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, RecordBatch,
    StringArray, Time64MicrosecondArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow_buffer::{IntervalMonthDayNano, i256};
use arrow_schema::{Field, Schema};
use howdah::copy::decode::{Decoder, ReadColumn};
use howdah::copy::plan::{Plan, Target, TargetColumn};
use howdah::types::{ColumnType, ReadAs, codec_for};
use howdah::wire::copy::{HEADER, TRAILER, tuples};
use postgres_types::{Kind, Type};

pub use lineitem::lineitem;

/// The rows of each batch: the reader's default.
pub const ROWS: usize = 65_536;

/// Columns with their types.
pub struct Columns {
    /// The name in the results.
    pub name: String,
    declared: Vec<ColumnType>,
    /// The rows.
    pub batch: RecordBatch,
}

impl Columns {
    fn new(name: &str, columns: Vec<(ColumnType, ArrayRef)>) -> Self {
        let field = |(index, (declared, array)): (usize, &(ColumnType, ArrayRef))| {
            let read_as = codec_for(declared).unwrap().arrow(declared, &ReadAs::default());
            read_as.with_name(format!("c{index}")).with_data_type(array.data_type().clone())
        };
        let schema = Schema::new(columns.iter().enumerate().map(field).collect::<Vec<Field>>());
        let (declared, arrays) = columns.into_iter().unzip();
        let batch = RecordBatch::try_new(Arc::new(schema), arrays).unwrap();
        Self { name: name.to_owned(), declared, batch }
    }

    fn names(&self) -> Vec<String> {
        (0..self.declared.len()).map(|index| format!("c{index}")).collect()
    }

    /// The plan that loads them.
    pub fn plan(&self) -> Plan {
        let column = |(declared, name): (&ColumnType, String)| TargetColumn {
            name,
            declared: declared.clone(),
            required: false,
            generated: false,
            identity_always: false,
        };
        let columns = self.declared.iter().zip(self.names()).map(column).collect();
        let target = Target { table: self.name.clone(), columns };
        target.plan(self.batch.schema_ref(), &self.names()).unwrap()
    }

    /// The decoder that reads them.
    pub fn decoder(&self) -> Decoder {
        let column = |(declared, name): (&ColumnType, String)| ReadColumn {
            name,
            declared: declared.clone(),
            read_as: ReadAs::default(),
        };
        let columns: Vec<_> = self.declared.iter().zip(self.names()).map(column).collect();
        Decoder::new(&columns)
    }

    /// The rows as a complete binary COPY.
    pub fn copy(&self) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        self.plan().encode(&self.batch, 0, &mut bytes).unwrap();
        bytes.extend(TRAILER);
        bytes
    }

    /// Checks that decoding a COPY returns the rows that were encoded.
    pub fn check(&self, copy: &[u8]) {
        let mut decoder = self.decoder();
        decoder.extend(&tuples(copy).unwrap()).unwrap();
        let got = decoder.finish().unwrap();
        for (got, sent) in got.columns().iter().zip(self.batch.columns()) {
            // A dictionary that was encoded as text is decoded as text.
            let sent = arrow_cast::cast(sent, got.data_type()).unwrap();
            assert_eq!(got.to_data(), sent.to_data(), "{}", self.name);
        }
    }
}

/// Pseudorandom numbers: the high bits of Knuth's 64-bit linear congruential generator.
struct RandomNumbers(u64);

impl RandomNumbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn signed(&mut self, end: u64) -> i64 {
        self.below(2 * end).cast_signed() - end.cast_signed()
    }

    /// A value for each row, and NULL in one row of sixteen.
    fn rows<T>(&mut self, value: impl Fn(&mut Self) -> T) -> Vec<Option<T>> {
        (0..ROWS).map(|row| (row % 16 != 7).then(|| value(self))).collect()
    }
}

fn plain(ty: Type) -> ColumnType {
    ColumnType::new(ty, -1)
}

fn numeric(precision: i32, scale: i32) -> ColumnType {
    ColumnType::new(Type::NUMERIC, ((precision << 16) | scale) + 4)
}

fn one(name: &str, declared: ColumnType, array: ArrayRef) -> Columns {
    Columns::new(name, vec![(declared, array)])
}

/// A column of every type, one by one.
pub fn every_type() -> Vec<Columns> {
    [numbers(), texts(), times(), others()].into_iter().flatten().collect()
}

fn numbers() -> Vec<Columns> {
    let random = &mut RandomNumbers(1);
    let small = random.rows(|n| n.signed(1 << 14) as i16);
    let middle = random.rows(|n| n.signed(1 << 30) as i32);
    let large = random.rows(|n| n.signed(1 << 30) << 20);
    let oids = random.rows(|n| n.below(1 << 31) as u32);
    let single = random.rows(|n| n.signed(1 << 20) as f32 / 8.0);
    let double = random.rows(|n| n.signed(1 << 30) as f64 / 1000.0);
    let cents = random.rows(|n| i128::from(n.signed(1 << 30)));
    let long = random.rows(|n| i128::from(n.signed(1 << 30)) << 64);
    let wide = random.rows(|n| i256::from_i128(i128::from(n.signed(1 << 30)) << 90));
    let numeric_text = random.rows(|n| format!("{}.{:04}", n.below(1 << 30), n.below(10_000)));
    let cents = Decimal128Array::from(cents).with_precision_and_scale(15, 2).unwrap();
    let long = Decimal128Array::from(long).with_precision_and_scale(38, 10).unwrap();
    let wide = Decimal256Array::from(wide).with_precision_and_scale(60, 10).unwrap();
    vec![
        one("int2", plain(Type::INT2), Arc::new(Int16Array::from(small))),
        one("int4", plain(Type::INT4), Arc::new(Int32Array::from(middle))),
        one("int8", plain(Type::INT8), Arc::new(Int64Array::from(large))),
        one("oid", plain(Type::OID), Arc::new(UInt32Array::from(oids))),
        one("float4", plain(Type::FLOAT4), Arc::new(Float32Array::from(single))),
        one("float8", plain(Type::FLOAT8), Arc::new(Float64Array::from(double))),
        one("numeric(15,2)", numeric(15, 2), Arc::new(cents)),
        one("numeric(38,10)", numeric(38, 10), Arc::new(long)),
        one("numeric(60,10)", numeric(60, 10), Arc::new(wide)),
        one("numeric", plain(Type::NUMERIC), Arc::new(StringArray::from(numeric_text))),
    ]
}

fn texts() -> Vec<Columns> {
    let random = &mut RandomNumbers(2);
    let words =
        random.rows(|n| format!("{}{}", "señor ".repeat(n.below(6) as usize), n.below(1000)));
    let padded = random.rows(|n| format!("{:<10}", n.below(1 << 30)));
    let names = random.rows(|n| format!("table_{}", n.below(1 << 30)));
    let json = random.rows(|n| format!("{{\"id\": {}, \"tags\": [\"a\", \"b\"]}}", n.below(1000)));
    let bytes = random.rows(|n| vec![n.below(256) as u8; n.below(40) as usize]);
    let bytes: BinaryArray = bytes.into_iter().collect();
    let words: ArrayRef = Arc::new(StringArray::from(words));
    let json: ArrayRef = Arc::new(StringArray::from(json));
    vec![
        one("text", plain(Type::TEXT), Arc::clone(&words)),
        one("varchar", plain(Type::VARCHAR), words),
        one("bpchar", plain(Type::BPCHAR), Arc::new(StringArray::from(padded))),
        one("name", plain(Type::NAME), Arc::new(StringArray::from(names))),
        one("json", plain(Type::JSON), Arc::clone(&json)),
        one("jsonb", plain(Type::JSONB), json),
        one("bytea", plain(Type::BYTEA), Arc::new(bytes)),
    ]
}

fn times() -> Vec<Columns> {
    let random = &mut RandomNumbers(3);
    let days = random.rows(|n| n.signed(20_000) as i32);
    let clock = random.rows(|n| n.below(86_400).cast_signed() * 1_000_000 + 5);
    let stamps = random.rows(|n| n.signed(1 << 30) * 1_000_003);
    let spans = random
        .rows(|n| IntervalMonthDayNano::new(3, n.signed(40) as i32, n.signed(1 << 30) * 1000));
    let spans: PrimitiveBuilder<IntervalMonthDayNanoType> =
        spans.into_iter().fold(PrimitiveBuilder::new(), |mut builder, span| {
            builder.append_option(span);
            builder
        });
    let spans = { spans }.finish();
    let stamps = TimestampMicrosecondArray::from(stamps);
    let zoned = stamps.clone().with_timezone("UTC");
    vec![
        one("date", plain(Type::DATE), Arc::new(Date32Array::from(days))),
        one("time", plain(Type::TIME), Arc::new(Time64MicrosecondArray::from(clock))),
        one("timestamp", plain(Type::TIMESTAMP), Arc::new(stamps)),
        one("timestamptz", plain(Type::TIMESTAMPTZ), Arc::new(zoned)),
        one("interval", plain(Type::INTERVAL), Arc::new(spans)),
    ]
}

fn others() -> Vec<Columns> {
    let random = &mut RandomNumbers(4);
    let flags = BooleanArray::from(random.rows(|n| n.below(2) == 0));
    let mut uuids = FixedSizeBinaryBuilder::with_capacity(ROWS, 16);
    for _ in 0..ROWS {
        let bytes = (u128::from(random.below(1 << 31)) << 90).to_be_bytes();
        uuids.append_value(bytes).unwrap();
    }
    let labels = ["queued", "running", "done", "failed"];
    let keys = Int32Array::from(random.rows(|n| n.below(4) as i32));
    let states =
        DictionaryArray::<Int32Type>::new(keys, Arc::new(StringArray::from_iter_values(labels)));
    let kind = Kind::Enum(labels.map(str::to_owned).to_vec());
    let state = Type::new("state".into(), 70_000, kind, "public".into());
    let mut lists = ListBuilder::new(PrimitiveBuilder::<Int32Type>::new());
    for _ in 0..ROWS {
        let numbers = (0..random.below(8)).map(|n| Some(n as i32)).collect::<Vec<_>>();
        lists.append_value(numbers);
    }
    let words = (0..5000).map(|word| format!("word number {word}"));
    let words = Arc::new(StringArray::from_iter_values(words));
    let keys = Int32Array::from(random.rows(|n| n.below(5000) as i32));
    let dictionary = DictionaryArray::<Int32Type>::new(keys, words);
    vec![
        one("bool", plain(Type::BOOL), Arc::new(flags)),
        one("uuid", plain(Type::UUID), Arc::new(uuids.finish())),
        one("enum", plain(state), Arc::new(states)),
        one("int4[]", plain(Type::INT4_ARRAY), Arc::new(lists.finish())),
        one("text from a dictionary of 5,000", plain(Type::TEXT), Arc::new(dictionary)),
    ]
}

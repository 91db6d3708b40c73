//! TPC-H's lineitem: random rows with its columns and value ranges, by section 4.2.3 of
//! <https://www.tpc.org/tpc_documents_current_versions/pdf/tpc-h_v3.0.1.pdf>, but not the rows of
//! its generator.

use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Decimal128Array, Int32Array, Int64Array, StringArray};
use howdah::types::ColumnType;
use postgres_types::Type;

use super::{Columns, ROWS, RandomNumbers, numeric, plain};

const INSTRUCTIONS: [&str; 4] = ["DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"];
const MODES: [&str; 7] = ["REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"];
const WORDS: [&str; 12] = [
    "carefully",
    "final",
    "requests",
    "sleep",
    "furiously",
    "ironic",
    "deposits",
    "haggle",
    "quickly",
    "bold",
    "accounts",
    "blithely",
];
/// 1992-01-01 and 1998-08-02, in days from 1970.
const FIRST_DAY: i64 = 8035;
const LAST_DAY: i64 = 10_440;

/// The sixteen columns, all NOT NULL as in the schema.
pub fn lineitem() -> Columns {
    let random = &mut RandomNumbers(5);
    let mut rows = Rows::default();
    while rows.orders.len() < ROWS {
        order(&mut rows, random);
    }
    let long = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let days =
        |values: Vec<i32>| (plain(Type::DATE), Arc::new(Date32Array::from(values)) as ArrayRef);
    let text = |ty: Type, values: Vec<String>| {
        (plain(ty), Arc::new(StringArray::from(values)) as ArrayRef)
    };
    let columns = vec![
        (plain(Type::INT8), long(rows.orders)),
        (plain(Type::INT8), long(rows.parts)),
        (plain(Type::INT8), long(rows.suppliers)),
        (plain(Type::INT4), Arc::new(Int32Array::from(rows.lines)) as ArrayRef),
        money(rows.quantities),
        money(rows.prices),
        money(rows.discounts),
        money(rows.taxes),
        text(Type::BPCHAR, rows.flags),
        text(Type::BPCHAR, rows.states),
        days(rows.shipped),
        days(rows.committed),
        days(rows.received),
        text(Type::BPCHAR, rows.instructions),
        text(Type::BPCHAR, rows.modes),
        text(Type::VARCHAR, rows.comments),
    ];
    let sliced = columns.into_iter().map(|(declared, array)| (declared, array.slice(0, ROWS)));
    Columns::new("lineitem", sliced.collect())
}

#[derive(Default)]
struct Rows {
    orders: Vec<i64>,
    parts: Vec<i64>,
    suppliers: Vec<i64>,
    lines: Vec<i32>,
    quantities: Vec<i128>,
    prices: Vec<i128>,
    discounts: Vec<i128>,
    taxes: Vec<i128>,
    flags: Vec<String>,
    states: Vec<String>,
    shipped: Vec<i32>,
    committed: Vec<i32>,
    received: Vec<i32>,
    instructions: Vec<String>,
    modes: Vec<String>,
    comments: Vec<String>,
}

fn money(values: Vec<i128>) -> (ColumnType, ArrayRef) {
    let array = Decimal128Array::from(values).with_precision_and_scale(15, 2).unwrap();
    (numeric(15, 2), Arc::new(array))
}

fn pick(random: &mut RandomNumbers, of: &[&str]) -> String {
    of[random.below(of.len() as u64) as usize].to_owned()
}

/// One order of one to seven lines.
fn order(rows: &mut Rows, random: &mut RandomNumbers) {
    let key = rows.orders.last().map_or(1, |last| last + 1 + 24 * i64::from(last % 32 == 7));
    let day = FIRST_DAY + random.below((LAST_DAY - FIRST_DAY).unsigned_abs()).cast_signed();
    for line in 1..=1 + random.below(7) {
        let part = 1 + random.below(200_000).cast_signed();
        let quantity = 1 + i128::from(random.below(50));
        // 90000 + ((part / 10) modulo 20001) + 100 * (part modulo 1000), in cents.
        let price = 90_000 + i128::from(part / 10 % 20_001) + 100 * i128::from(part % 1000);
        let shipped = day + 1 + random.below(121).cast_signed();
        let comment_words = 2 + random.below(5);
        let comment: Vec<_> = (0..comment_words).map(|_| pick(random, &WORDS)).collect();
        rows.orders.push(key);
        rows.parts.push(part);
        rows.suppliers.push(1 + random.below(10_000).cast_signed());
        rows.lines.push(line as i32);
        rows.quantities.push(quantity * 100);
        rows.prices.push(quantity * price);
        rows.discounts.push(i128::from(random.below(11)));
        rows.taxes.push(i128::from(random.below(9)));
        rows.flags.push(pick(random, &["R", "A", "N"]));
        rows.states.push(pick(random, &["O", "F"]));
        rows.shipped.push(shipped as i32);
        rows.committed.push((day + 30 + random.below(61).cast_signed()) as i32);
        rows.received.push((shipped + 1 + random.below(30).cast_signed()) as i32);
        rows.instructions.push(format!("{:<25}", pick(random, &INSTRUCTIONS)));
        rows.modes.push(format!("{:<10}", pick(random, &MODES)));
        rows.comments.push(comment.join(" "));
    }
}

//! Benchmarks decoding COPY tuples to Arrow without a network, for every type and for lineitem.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may panic")]
#![allow(clippy::cast_possible_truncation, reason = "the values are small enough")]

mod columns;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use howdah::wire::copy::tuples;

use columns::{Columns, ROWS, every_type, lineitem};

/// The rows that the reader decodes together.
const BLOCK_ROWS: usize = 512;

fn decode(criterion: &mut Criterion, name: &str, all: &[Columns]) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20).warm_up_time(Duration::from_millis(500));
    group.measurement_time(Duration::from_secs(2));
    for columns in all {
        let copy = columns.copy();
        columns.check(&copy);
        let blocks: Vec<_> = tuples(&copy).unwrap().chunks(BLOCK_ROWS).map(<[_]>::to_vec).collect();
        let mut decoder = columns.decoder();
        let (elements, bytes) = (ROWS as u64, copy.len() as u64);
        group.throughput(Throughput::ElementsAndBytes { elements, bytes });
        group.bench_function(BenchmarkId::from_parameter(&columns.name), |bencher| {
            bencher.iter(|| {
                for block in &blocks {
                    decoder.extend(block).unwrap();
                }
                decoder.finish().unwrap()
            });
        });
    }
    group.finish();
}

fn decode_types(criterion: &mut Criterion) {
    decode(criterion, "decode", &every_type());
}

fn decode_lineitem(criterion: &mut Criterion) {
    decode(criterion, "decode table", &[lineitem()]);
}

criterion_group!(benches, decode_types, decode_lineitem);
criterion_main!(benches);

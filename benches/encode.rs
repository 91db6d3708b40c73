//! Benchmarks encoding Arrow to COPY tuples without a network, for every type and for lineitem.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may panic")]
#![allow(clippy::cast_possible_truncation, reason = "the values are small enough")]

mod columns;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use columns::{Columns, ROWS, every_type, lineitem};

fn encode(criterion: &mut Criterion, name: &str, all: &[Columns]) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20).warm_up_time(Duration::from_millis(500));
    group.measurement_time(Duration::from_secs(2));
    for columns in all {
        let copy = columns.copy();
        columns.check(&copy);
        let plan = columns.plan();
        let mut out = Vec::with_capacity(copy.len());
        let (elements, bytes) = (ROWS as u64, copy.len() as u64);
        group.throughput(Throughput::ElementsAndBytes { elements, bytes });
        group.bench_function(BenchmarkId::from_parameter(&columns.name), |bencher| {
            bencher.iter(|| {
                out.clear();
                plan.encode(&columns.batch, 0, &mut out).unwrap();
                out.len()
            });
        });
    }
    group.finish();
}

fn encode_types(criterion: &mut Criterion) {
    encode(criterion, "encode", &every_type());
}

fn encode_lineitem(criterion: &mut Criterion) {
    encode(criterion, "encode table", &[lineitem()]);
}

criterion_group!(benches, encode_types, encode_lineitem);
criterion_main!(benches);

//! Decodes whole golden files that arrive in parts, and encodes them again; and changed files.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use howdah::Result;
use howdah::copy::codec::{Column, Options, decode, encode};
use howdah::types::OutOfRange;

use crate::for_each_file;

/// The batches of a COPY that arrives in chunks of this size.
fn batches(
    column: &Column,
    out_of_range: OutOfRange,
    bytes: &[u8],
    chunk: usize,
) -> Result<Vec<RecordBatch>> {
    let options = Options { batch_rows: 3, types: HashMap::new(), out_of_range };
    decode(std::slice::from_ref(column), &options, bytes.chunks(chunk).map(Ok))?.collect()
}

#[test]
fn test_files_in_chunks_of_every_size_encode_to_the_same_bytes() {
    for_each_file(|case, golden, declared| {
        if !case.out_of_range.is_empty() {
            return;
        }
        let column = Column::described("value", declared.clone()).unwrap();
        let whole = batches(&column, OutOfRange::Error, &golden.bytes, usize::MAX).unwrap();
        for chunk in [1, 2, 3, 7, 64] {
            let parts = batches(&column, OutOfRange::Error, &golden.bytes, chunk).unwrap();
            assert_eq!(parts, whole, "{} in chunks of {chunk}", golden.name);
        }
        let schema = whole[0].schema();
        let chunks = encode(&[column], &schema, whole.into_iter().map(Ok)).unwrap();
        let bytes: Vec<u8> = chunks.flat_map(|chunk| chunk.unwrap()).collect();
        assert!(bytes == golden.bytes, "{}", golden.name);
    });
}

#[test]
fn test_files_that_end_early_are_errors() {
    for_each_file(|_, golden, declared| {
        let column = Column::described("value", declared.clone()).unwrap();
        for end in (0..golden.bytes.len()).step_by(1 + golden.bytes.len() / 300) {
            let cut = batches(&column, OutOfRange::Text, &golden.bytes[..end], 50);
            assert!(cut.is_err(), "{} cut at {end}", golden.name);
        }
    });
}

#[test]
fn test_changed_files_never_panic() {
    for_each_file(|_, golden, declared| {
        let column = Column::described("value", declared.clone()).unwrap();
        // A linear congruential generator: the same changes in every run.
        let mut state: u64 = 20_260_201;
        let mut random = |end: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % end
        };
        for policy in [OutOfRange::Error, OutOfRange::Null, OutOfRange::Clamp, OutOfRange::Text] {
            for _ in 0..100 {
                let mut bytes = golden.bytes.clone();
                for _ in 0..=random(3) {
                    let start = random(bytes.len());
                    let end = (start + random(3)).min(bytes.len());
                    let new: Vec<u8> =
                        (0..random(4)).map(|_| [0, 1, 0x7f, 0xff][random(4)]).collect();
                    bytes.splice(start..end, new);
                }
                let _ = batches(&column, policy, &bytes, 50);
            }
        }
    });
}

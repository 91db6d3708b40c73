//! Converts Arrow record batches to COPY tuples, and tuples to record batches.

mod cast;
pub mod codec;
pub mod decode;
pub mod plan;
pub mod problems;
pub mod size;

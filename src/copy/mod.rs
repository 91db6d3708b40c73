//! Whole batches: from Arrow record batches to COPY tuples, and back.

mod cast;
pub mod decode;
pub mod plan;
pub mod problems;
pub mod size;

//! The Rust core of howdah: loads Arrow batches into PostgreSQL with binary COPY, and reads query
//! results as Arrow.
//!
//! The feature `python` adds the Python module. Modules depend on each other in one direction:
//! `error` <- `wire` <- `types` <- `copy` <- (`catalog`, `load`, `fetch`, `execute`) <- `python`.
//! `session` and `sql` depend only on `error` and `wire`, and not on each other.

pub mod catalog;
pub mod copy;
pub mod error;
pub mod execute;
pub mod fetch;
pub mod load;
#[cfg(feature = "python")]
mod python;
pub mod session;
pub mod sql;
pub mod types;
pub mod wire;

pub use error::{Error, Result};

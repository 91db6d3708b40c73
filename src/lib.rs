//! howdah carries rows into and out of PostgreSQL: binary COPY from Arrow, Arrow from queries.
//!
//! The crate works without Python; the feature `python` adds the edge. Dependencies run one way:
//! `error` <- `wire` <- `types` <- `copy` <- (`catalog`, `load`, `fetch`, `execute`) <- `python`, with
//! `session` and `sql` beside them, blind to them and to each other.

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

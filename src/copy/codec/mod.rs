//! Binary COPY without a connection: record batches to the bytes of `COPY … FROM STDIN (FORMAT
//! binary)`, and the bytes of `COPY … TO STDOUT (FORMAT binary)` to record batches.
//!
//! The bytes do not contain the types of the columns, so both directions take them: [`Column::new`]
//! reads their SQL names, [`Column::described`] takes any type.
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::Arc;
//!
//! use arrow_array::{Int64Array, RecordBatch, StringArray};
//! use howdah::copy::codec::{Column, Options, decode, encode};
//! use howdah::types::OutOfRange;
//!
//! let columns = [Column::new("id", "bigint")?, Column::new("name", "varchar(10)")?];
//! let batch = RecordBatch::try_from_iter([
//!     ("id", Arc::new(Int64Array::from(vec![1, 2])) as _),
//!     ("name", Arc::new(StringArray::from(vec![Some("Ann"), None])) as _),
//! ])?;
//!
//! // What a driver sends as the data of `COPY people (id, name) FROM STDIN (FORMAT binary)`.
//! let chunks = encode(&columns, &batch.schema(), [Ok(batch.clone())].into_iter())?;
//! let chunks = chunks.collect::<howdah::Result<Vec<_>>>()?;
//!
//! // What a driver has received of `COPY people (id, name) TO STDOUT (FORMAT binary)`.
//! let options = Options {
//!     batch_rows: 65_536,
//!     types: HashMap::new(),
//!     out_of_range: OutOfRange::Error,
//! };
//! let batches = decode(&columns, &options, chunks.into_iter().map(Ok))?;
//! assert_eq!(batches.schema().field(1).name(), "name");
//! let batches = batches.collect::<howdah::Result<Vec<_>>>()?;
//! assert_eq!(batches[0].columns(), batch.columns());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod column;
mod decode;
mod encode;
mod type_name;

pub use super::decode::Options;
pub use column::Column;
pub use decode::{DecodedBatches, decode};
pub use encode::{EncodedChunks, Encoder, encode, target};
pub use type_name::type_named;

//! Decoders from cells to Arrow arrays, shared by the types' files.

use std::sync::Arc;

use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{ArrayRef, BinaryArray, PrimitiveArray, StringArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType};

use super::CellError;
use crate::wire::Malformed;

/// The policy for values that the Arrow type cannot hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OutOfRange {
    /// Fail with an error that names column and row.
    #[default]
    Error,
    /// Read the value as NULL.
    Null,
    /// Read the nearest value that the Arrow type can hold.
    Clamp,
    /// Read the whole column as text.
    Text,
}

/// How to read a column.
#[derive(Debug, Clone, Default)]
pub struct ReadAs {
    /// The policy for values that do not fit.
    pub out_of_range: OutOfRange,
    /// The Arrow type that the caller requested, if any.
    pub requested: Option<DataType>,
}

impl ReadAs {
    /// Reads as text that the decoder formats.
    #[must_use]
    pub fn text() -> Self {
        Self { out_of_range: OutOfRange::Text, requested: None }
    }
}

/// A decoder: collects the cells of a column and builds an Arrow array.
pub trait Decode: Send {
    /// Appends cells; `None` is NULL.
    ///
    /// # Errors
    /// When a cell is malformed or out of range; the error's index counts within `cells`.
    fn extend(&mut self, cells: &[Option<&[u8]>]) -> Result<(), CellError>;

    /// Builds the array of the cells so far, and starts a new one.
    ///
    /// # Errors
    /// When text from the server is not UTF-8.
    fn finish(&mut self) -> Result<ArrayRef, ArrowError>;
}

/// Why a cell cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeError<T> {
    /// The bytes are not a value of the type.
    Malformed(String),
    /// The Arrow type cannot hold the value.
    OutOfRange {
        /// The nearest value that the Arrow type can hold.
        nearest: Option<T>,
        /// The value as text.
        value: String,
    },
}

impl<T> From<Malformed> for DecodeError<T> {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed.0)
    }
}

impl<T> DecodeError<T> {
    /// Applies the out-of-range policy: returns the replacement, `None` for NULL, or the error.
    fn apply_policy(self, policy: OutOfRange, arrow: &DataType) -> Result<Option<T>, String> {
        match (self, policy) {
            (Self::Malformed(message), _) => Err(message),
            (Self::OutOfRange { .. }, OutOfRange::Null) => Ok(None),
            (Self::OutOfRange { nearest: Some(nearest), .. }, OutOfRange::Clamp) => {
                Ok(Some(nearest))
            }
            (Self::OutOfRange { value, .. }, _) => Err(format!(
                "{value} is out of range for Arrow's {arrow}; pass out_of_range=\"null\", \"clamp\" or \"string\""
            )),
        }
    }
}

/// A decoder to primitive values.
struct Primitive<T: ArrowPrimitiveType, F> {
    read: F,
    policy: OutOfRange,
    data_type: DataType,
    values: Vec<T::Native>,
    nulls: NullBufferBuilder,
}

/// A decoder to primitive values of `data_type`; `read` decodes one cell.
pub fn primitive<T, F>(data_type: DataType, policy: OutOfRange, read: F) -> Box<dyn Decode>
where
    T: ArrowPrimitiveType,
    F: Fn(&[u8]) -> Result<T::Native, DecodeError<T::Native>> + Send + 'static,
{
    let (values, nulls) = (Vec::new(), NullBufferBuilder::new(0));
    Box::new(Primitive::<T, F> { read, policy, data_type, values, nulls })
}

impl<T, F> Decode for Primitive<T, F>
where
    T: ArrowPrimitiveType,
    F: Fn(&[u8]) -> Result<T::Native, DecodeError<T::Native>> + Send,
{
    fn extend(&mut self, cells: &[Option<&[u8]>]) -> Result<(), CellError> {
        for (index, cell) in cells.iter().enumerate() {
            let value = match cell {
                None => None,
                Some(bytes) => match (self.read)(bytes) {
                    Ok(value) => Some(value),
                    Err(error) => error
                        .apply_policy(self.policy, &self.data_type)
                        .map_err(|message| CellError::new(index, message))?,
                },
            };
            self.nulls.append(value.is_some());
            self.values.push(value.unwrap_or_default());
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let values = ScalarBuffer::from(std::mem::take(&mut self.values));
        let nulls = self.nulls.finish();
        let array = PrimitiveArray::<T>::try_new(values, nulls)?;
        Ok(Arc::new(array.with_data_type(self.data_type.clone())))
    }
}

/// A decoder to strings or binaries.
struct Bytes<F> {
    read: F,
    text: bool,
    data: Vec<u8>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

/// A decoder to binaries that copies the cells unchanged.
#[must_use]
pub fn binaries() -> Box<dyn Decode> {
    bytes(false, |cell, out| {
        out.extend_from_slice(cell);
        Ok(())
    })
}

/// A decoder to strings that copies the cells unchanged.
#[must_use]
pub fn strings() -> Box<dyn Decode> {
    bytes(true, |cell, out| {
        out.extend_from_slice(cell);
        Ok(())
    })
}

/// A decoder to strings; `format` writes the text of one cell.
pub fn formatted<F>(format: F) -> Box<dyn Decode>
where
    F: Fn(&[u8], &mut String) -> Result<(), Malformed> + Send + 'static,
{
    bytes(true, move |cell, out| {
        let mut text = String::new();
        format(cell, &mut text)?;
        out.extend_from_slice(text.as_bytes());
        Ok(())
    })
}

/// A decoder to strings or binaries; `read` appends the bytes of one value.
pub fn bytes<F>(text: bool, read: F) -> Box<dyn Decode>
where
    F: Fn(&[u8], &mut Vec<u8>) -> Result<(), Malformed> + Send + 'static,
{
    let nulls = NullBufferBuilder::new(0);
    Box::new(Bytes { read, text, data: Vec::new(), offsets: vec![0], nulls })
}

impl<F> Decode for Bytes<F>
where
    F: Fn(&[u8], &mut Vec<u8>) -> Result<(), Malformed> + Send,
{
    fn extend(&mut self, cells: &[Option<&[u8]>]) -> Result<(), CellError> {
        for (index, cell) in cells.iter().enumerate() {
            if let Some(bytes) = cell {
                (self.read)(bytes, &mut self.data)
                    .map_err(|malformed| CellError::new(index, malformed.0))?;
            }
            let end = i32::try_from(self.data.len()).map_err(|_| {
                CellError::new(index, "a batch of strings over 2 GiB; lower batch_rows=")
            })?;
            self.nulls.append(cell.is_some());
            self.offsets.push(end);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let data = std::mem::take(&mut self.data).into();
        let nulls = self.nulls.finish();
        Ok(if self.text {
            Arc::new(StringArray::try_new(offsets, data, nulls)?)
        } else {
            Arc::new(BinaryArray::try_new(offsets, data, nulls)?)
        })
    }
}

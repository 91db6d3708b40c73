//! From cells to Arrow arrays: what the types share.

use std::sync::Arc;

use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{ArrayRef, BinaryArray, PrimitiveArray, StringArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType};

use super::CellError;
use crate::wire::Malformed;

/// What becomes of a value that the Arrow type cannot hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OutOfRange {
    /// An error that names column and row.
    #[default]
    Error,
    /// NULL.
    Null,
    /// The nearest value that it can hold.
    Clamp,
    /// The whole column is read as text.
    Text,
}

/// How a column is to be read.
#[derive(Debug, Clone, Default)]
pub struct ReadAs {
    /// What becomes of values that do not fit.
    pub out_of_range: OutOfRange,
    /// The Arrow type that was asked for.
    pub asked: Option<DataType>,
}

impl ReadAs {
    /// As text, which the decoder prints.
    #[must_use]
    pub fn text() -> Self {
        Self { out_of_range: OutOfRange::Text, asked: None }
    }
}

/// Gathers the cells of a column into an array.
pub trait Decode: Send {
    /// Appends cells; `None` is NULL.
    ///
    /// # Errors
    /// When a cell is malformed, or does not fit; its index is that among `cells`.
    fn extend(&mut self, cells: &[Option<&[u8]>]) -> Result<(), CellError>;

    /// Gives what was gathered, and begins anew.
    ///
    /// # Errors
    /// When text from the server is not UTF-8.
    fn finish(&mut self) -> Result<ArrayRef, ArrowError>;
}

/// Why a cell has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault<T> {
    /// The bytes are not those of the type.
    Malformed(String),
    /// The value is one that the Arrow type cannot hold.
    OutOfRange {
        /// The value the Arrow type holds that is nearest.
        nearest: Option<T>,
        /// The value as text.
        value: String,
    },
}

impl<T> From<Malformed> for Fault<T> {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed.0)
    }
}

impl<T> Fault<T> {
    /// The value to take instead, `None` for NULL; or the error.
    fn settle(self, policy: OutOfRange, arrow: &DataType) -> Result<Option<T>, String> {
        match (self, policy) {
            (Self::Malformed(message), _) => Err(message),
            (Self::OutOfRange { .. }, OutOfRange::Null) => Ok(None),
            (Self::OutOfRange { nearest: Some(nearest), .. }, OutOfRange::Clamp) => {
                Ok(Some(nearest))
            }
            (Self::OutOfRange { value, .. }, _) => Err(format!(
                "{value} is out of range for Arrow's {arrow}; pass out_of_range= to say what becomes of it"
            )),
        }
    }
}

/// Decodes cells to primitive values.
struct Primitive<T: ArrowPrimitiveType, F> {
    read: F,
    policy: OutOfRange,
    data_type: DataType,
    values: Vec<T::Native>,
    nulls: NullBufferBuilder,
}

/// A decoder to primitive values of `data_type`, each read by `read`.
pub fn primitive<T, F>(data_type: DataType, policy: OutOfRange, read: F) -> Box<dyn Decode>
where
    T: ArrowPrimitiveType,
    F: Fn(&[u8]) -> Result<T::Native, Fault<T::Native>> + Send + 'static,
{
    let (values, nulls) = (Vec::new(), NullBufferBuilder::new(0));
    Box::new(Primitive::<T, F> { read, policy, data_type, values, nulls })
}

impl<T, F> Decode for Primitive<T, F>
where
    T: ArrowPrimitiveType,
    F: Fn(&[u8]) -> Result<T::Native, Fault<T::Native>> + Send,
{
    fn extend(&mut self, cells: &[Option<&[u8]>]) -> Result<(), CellError> {
        for (index, cell) in cells.iter().enumerate() {
            let value = match cell {
                None => None,
                Some(bytes) => match (self.read)(bytes) {
                    Ok(value) => Some(value),
                    Err(fault) => fault
                        .settle(self.policy, &self.data_type)
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

/// Decodes cells to strings or binaries.
struct Bytes<F> {
    read: F,
    text: bool,
    data: Vec<u8>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

/// A decoder to binaries: the cells as they are.
#[must_use]
pub fn binaries() -> Box<dyn Decode> {
    bytes(false, |cell, out| {
        out.extend_from_slice(cell);
        Ok(())
    })
}

/// A decoder to strings: the cells as they are.
#[must_use]
pub fn strings() -> Box<dyn Decode> {
    bytes(true, |cell, out| {
        out.extend_from_slice(cell);
        Ok(())
    })
}

/// A decoder to strings, each written by `print`.
pub fn printed<F>(print: F) -> Box<dyn Decode>
where
    F: Fn(&[u8], &mut String) -> Result<(), Malformed> + Send + 'static,
{
    bytes(true, move |cell, out| {
        let mut text = String::new();
        print(cell, &mut text)?;
        out.extend_from_slice(text.as_bytes());
        Ok(())
    })
}

/// A decoder to strings or binaries, whose bytes `read` appends.
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

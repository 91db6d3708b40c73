//! `T[]` in one dimension: an Arrow list, from every kind of list.
//!
//! Wire: see [`crate::wire::array`].

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array as ArrowArray, ArrayRef, ListArray, OffsetSizeTrait, UInt64Array};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use postgres_types::Type;

use super::encode::variable;
use super::{CellError, ColumnType, Decode, PgType, ReadAs, codec_for, nullable_field};
use crate::wire::array::{NotAList, elements, put};
use crate::wire::cells::Cells;

/// The codec of every array type whose element type has a codec.
pub struct Array;

/// The element's type and codec. [`codec_for`] returns no other array type.
fn element(declared: &ColumnType) -> Option<(ColumnType, &'static dyn PgType)> {
    let element = declared.element()?;
    let pg_type = codec_for(&element)?;
    Some((element, pg_type))
}

pub(super) fn list_of(element: &Field) -> Field {
    let item = element.clone().with_name("item");
    nullable_field(DataType::List(Arc::new(item)))
}

impl PgType for Array {
    fn pg_type(&self) -> Option<Type> {
        None
    }

    fn arrow(&self, declared: &ColumnType, read_as: &ReadAs) -> Field {
        let of = |(declared, pg_type): (ColumnType, &dyn PgType)| {
            list_of(&pg_type.arrow(&declared, &for_elements(read_as)))
        };
        element(declared).map_or_else(|| nullable_field(DataType::Null), of)
    }

    fn python_arrow_type(&self, declared: &ColumnType) -> Field {
        let of = |(declared, pg_type): (ColumnType, &dyn PgType)| {
            list_of(&pg_type.python_arrow_type(&declared))
        };
        element(declared).map_or_else(|| nullable_field(DataType::Null), of)
    }

    fn accepts(&self, declared: &ColumnType, source: &Field) -> bool {
        let (Some(item), Some((declared, pg_type))) = (item(source.data_type()), element(declared))
        else {
            return false;
        };
        super::accepts(pg_type, &declared, item)
    }

    fn encode<'a>(
        &self,
        declared: &ColumnType,
        array: &'a dyn ArrowArray,
    ) -> Result<Cells<'a>, CellError> {
        let (declared, pg_type) = element(declared).ok_or_else(|| CellError::unexpected(array))?;
        let oid = declared.ty.oid();
        encode(pg_type, &declared, array, |cells, range, out| {
            if range.len() > MAX_ELEMENTS {
                let count = range.len();
                return Err(format!(
                    "a list of {count} elements; an array has at most {MAX_ELEMENTS}"
                ));
            }
            put(oid, cells, range, out);
            Ok(())
        })
    }

    fn decoder(&self, declared: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        let read_as = for_elements(read_as);
        let (declared, pg_type) =
            element(declared).unwrap_or((ColumnType::new(Type::BYTEA, -1), &super::bytea::Bytea));
        let oid = declared.ty.oid();
        decoder(pg_type, &declared, &read_as, move |bytes, inner| elements(oid, bytes, inner))
    }
}

/// The options for a list's elements: the requested type is that of the whole list.
pub(super) fn for_elements(read_as: &ReadAs) -> ReadAs {
    ReadAs { requested: None, ..read_as.clone() }
}

pub(super) fn item(list: &DataType) -> Option<&FieldRef> {
    match list {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => Some(item),
        _ => None,
    }
}

pub(super) type Ranges = Vec<std::ops::Range<usize>>;

/// The values of a list array, and the range of each list within them.
pub(super) fn values_and_ranges(array: &dyn ArrowArray) -> Result<(ArrayRef, Ranges), CellError> {
    fn windows<O: OffsetSizeTrait>(offsets: &[O]) -> Ranges {
        offsets
            .windows(2)
            .map(|pair| match pair {
                [start, end] => start.as_usize()..end.as_usize(),
                _ => 0..0,
            })
            .collect()
    }
    fn views<O: OffsetSizeTrait>(offsets: &[O], sizes: &[O]) -> Ranges {
        let view = |(start, size): (&O, &O)| start.as_usize()..start.as_usize() + size.as_usize();
        offsets.iter().zip(sizes).map(view).collect()
    }
    // Only the referenced values: a slice of a long array must not be encoded whole.
    fn referenced(values: &ArrayRef, mut ranges: Ranges) -> (ArrayRef, Ranges) {
        let start = ranges.iter().map(|range| range.start).min().unwrap_or(0);
        let end = ranges.iter().map(|range| range.end).max().unwrap_or(start);
        for range in &mut ranges {
            *range = range.start - start..range.end - start;
        }
        (values.slice(start, end - start), ranges)
    }
    let unexpected = || CellError::unexpected(array);
    Ok(match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list_opt::<i32>().ok_or_else(unexpected)?;
            referenced(list.values(), windows(list.value_offsets()))
        }
        DataType::LargeList(_) => {
            let list = array.as_list_opt::<i64>().ok_or_else(unexpected)?;
            referenced(list.values(), windows(list.value_offsets()))
        }
        DataType::ListView(_) => {
            let list = array.as_list_view_opt::<i32>().ok_or_else(unexpected)?;
            referenced(list.values(), views(list.value_offsets(), list.value_sizes()))
        }
        DataType::LargeListView(_) => {
            let list = array.as_list_view_opt::<i64>().ok_or_else(unexpected)?;
            referenced(list.values(), views(list.value_offsets(), list.value_sizes()))
        }
        DataType::FixedSizeList(_, size) => {
            let list = array.as_fixed_size_list_opt().ok_or_else(unexpected)?;
            let size = usize::try_from(*size).unwrap_or(0);
            let ranges = (0..list.len()).map(|index| index * size..(index + 1) * size).collect();
            (Arc::clone(list.values()), ranges)
        }
        _ => return Err(unexpected()),
    })
}

/// `MaxArraySize` of `src/include/utils/array.h`.
const MAX_ELEMENTS: usize = 134_217_727;

/// Encodes a list array; `put` appends the value made from the cells of one list.
pub(super) fn encode(
    pg_type: &dyn PgType,
    declared: &ColumnType,
    array: &dyn ArrowArray,
    put: impl Fn(&Cells<'_>, std::ops::Range<usize>, &mut Vec<u8>) -> Result<(), String>,
) -> Result<Cells<'static>, CellError> {
    let lists = |cells: &Cells<'_>, ranges: &Ranges| {
        let range = |index| ranges.get(index).cloned().unwrap_or_default();
        variable(array, |index, out| put(cells, range(index), out))
    };
    let (values, ranges) = values_and_ranges(array)?;
    if let Ok(cells) = super::encode(pg_type, declared, values.as_ref()) {
        return lists(&cells, &ranges);
    }
    // A bad value that no list uses is no error; otherwise the error must name the first list that
    // uses one.
    let (values, ranges) = used_values(array, &values, &ranges)?;
    let cells = super::encode(pg_type, declared, values.as_ref())
        .map_err(|error| error_of_list(&error, &ranges))?;
    lists(&cells, &ranges)
}

/// The values that lists use, copied so that the lists are contiguous.
fn used_values(
    array: &dyn ArrowArray,
    values: &ArrayRef,
    ranges: &Ranges,
) -> Result<(ArrayRef, Ranges), CellError> {
    let mut indices: Vec<u64> = Vec::new();
    let mut used = Vec::with_capacity(ranges.len());
    for (index, range) in ranges.iter().enumerate() {
        let start = indices.len();
        if array.is_valid(index) {
            indices.extend(range.clone().map(|index| index as u64));
        }
        used.push(start..indices.len());
    }
    let values = arrow_select::take::take(values.as_ref(), &UInt64Array::from(indices), None)
        .map_err(|error| CellError::new(0, error.to_string()))?;
    Ok((values, used))
}

/// Turns an element's error into one of the list that contains it.
fn error_of_list(error: &CellError, ranges: &Ranges) -> CellError {
    let contains = |range: &std::ops::Range<usize>| range.contains(&error.index);
    let index = ranges.iter().position(contains).unwrap_or(0);
    let start = ranges.get(index).map_or(0, |range| range.start);
    CellError::new(index, format!("element {}: {}", error.index - start, error.message))
}

/// A decoder to lists; `split` splits a cell into its elements.
pub(super) fn decoder<F>(
    pg_type: &dyn PgType,
    declared: &ColumnType,
    read_as: &ReadAs,
    split: F,
) -> Box<dyn Decode>
where
    F: for<'a> Fn(&'a [u8], &mut Vec<Option<&'a [u8]>>) -> Result<usize, NotAList> + Send + 'static,
{
    Box::new(Lists {
        split,
        item: Arc::new(pg_type.arrow(declared, read_as).with_name("item")),
        values: pg_type.decoder(declared, read_as),
        offsets: vec![0],
        nulls: NullBufferBuilder::new(0),
    })
}

struct Lists<F> {
    split: F,
    item: FieldRef,
    values: Box<dyn Decode>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl<F> Decode for Lists<F>
where
    F: for<'a> Fn(&'a [u8], &mut Vec<Option<&'a [u8]>>) -> Result<usize, NotAList> + Send,
{
    fn extend(&mut self, cells: &[Option<&[u8]>]) -> Result<(), CellError> {
        let mut inner = Vec::new();
        let mut ends = Vec::with_capacity(cells.len());
        for (index, cell) in cells.iter().enumerate() {
            if let Some(bytes) = cell {
                (self.split)(bytes, &mut inner).map_err(|error| match error {
                    NotAList::Malformed(malformed) => CellError::new(index, malformed.0),
                    NotAList::Shape(message) => {
                        CellError::new(index, format!("{message}; unnest it, or cast it to text"))
                    }
                })?;
            }
            ends.push(inner.len());
            self.nulls.append(cell.is_some());
        }
        self.values.extend(&inner).map_err(|error| {
            let index = ends.iter().position(|end| error.index < *end).unwrap_or(0);
            let start = index.checked_sub(1).and_then(|i| ends.get(i)).copied().unwrap_or(0);
            CellError::new(index, format!("element {}: {}", error.index - start, error.message))
        })?;
        let base = self.offsets.last().copied().unwrap_or(0);
        for end in ends {
            let end = i32::try_from(end).ok().and_then(|end| base.checked_add(end));
            let end = end.ok_or_else(|| {
                CellError::new(0, "a batch of over 2^31 elements; lower batch_rows=")
            })?;
            self.offsets.push(end);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let (values, nulls) = (self.values.finish()?, self.nulls.finish());
        Ok(Arc::new(ListArray::try_new(Arc::clone(&self.item), offsets, values, nulls)?))
    }
}

//! Composite types: an Arrow struct of their fields.
//!
//! Wire: see [`crate::wire::record`].

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StructArray, UInt64Array};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::extension::Opaque;
use arrow_schema::{ArrowError, DataType, Field, Fields};
use postgres_types::{Kind, Type};

use super::array::for_elements;
use super::encode::variable;
use super::{CellError, ColumnType, Decode, PgType, ReadAs, codec_for, nullable_field};
use crate::wire::cells::Cells;
use crate::wire::record;

/// The codec of every composite type whose fields all have codecs.
pub struct Composite;

/// A field's name, type and codec.
type Member<'a> = (&'a str, &'a ColumnType, &'static dyn PgType);

/// The fields of a composite type; `None` if one of them has no codec.
pub(super) fn members(declared: &ColumnType) -> Option<Vec<Member<'_>>> {
    let Kind::Composite(fields) = declared.base().kind() else { return None };
    if fields.len() != declared.fields.len() {
        return None;
    }
    let mut members = Vec::with_capacity(fields.len());
    for (field, ty) in fields.iter().zip(&declared.fields) {
        members.push((field.name(), ty, codec_for(ty)?));
    }
    Some(members)
}

fn struct_of(fields: Vec<Field>) -> Field {
    nullable_field(DataType::Struct(Fields::from(fields)))
}

impl PgType for Composite {
    fn pg_type(&self) -> Option<Type> {
        None
    }

    fn arrow(&self, declared: &ColumnType, read_as: &ReadAs) -> Field {
        let read_as = for_elements(read_as);
        let field = |(name, ty, codec): Member<'_>| codec.arrow(ty, &read_as).with_name(name);
        struct_of(members(declared).unwrap_or_default().into_iter().map(field).collect())
    }

    fn python_arrow_type(&self, declared: &ColumnType) -> Field {
        let field = |(name, ty, codec): Member<'_>| {
            let mut field = codec.python_arrow_type(ty).with_name(name);
            field.metadata_mut().insert(TYPE_NAME.to_owned(), ty.name());
            field
        };
        struct_of(members(declared).unwrap_or_default().into_iter().map(field).collect())
            .with_extension_type(Opaque::new(MARKER, "PostgreSQL"))
    }

    fn accepts(&self, declared: &ColumnType, source: &Field) -> bool {
        let (DataType::Struct(fields), Some(members)) = (source.data_type(), members(declared))
        else {
            return false;
        };
        let accepts = |(name, ty, codec): &Member<'_>| {
            fields.find(name).is_some_and(|(_, field)| super::accepts(*codec, ty, field))
        };
        fields.len() == members.len() && members.iter().all(accepts)
    }

    fn encode<'a>(
        &self,
        declared: &ColumnType,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        let unexpected = || CellError::unexpected(array);
        let structs = array.as_struct_opt().ok_or_else(unexpected)?;
        let members = members(declared).ok_or_else(unexpected)?;
        let count = i32::try_from(members.len()).map_err(|_| unexpected())?;
        let mut columns = Vec::with_capacity(members.len());
        for (name, ty, codec) in members {
            let column = struct_field(structs, name)?;
            let cells = super::encode(codec, ty, column.as_ref())
                .map(|cells| cells.take((0..column.len()).map(Some)))
                .map_err(|error| in_field(name, &error))?;
            columns.push((ty.ty.oid(), cells));
        }
        variable(array, |index, out| {
            out.extend_from_slice(&count.to_be_bytes());
            for (oid, cells) in &columns {
                out.extend_from_slice(&oid.to_be_bytes());
                cells.put(index, out);
            }
            Ok(())
        })
    }

    fn decoder(&self, declared: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        let read_as = for_elements(read_as);
        let members = members(declared).unwrap_or_default();
        Box::new(Composites {
            field: self.arrow(declared, &read_as),
            oids: members.iter().map(|(_, ty, _)| ty.ty.oid()).collect(),
            columns: members.iter().map(|(_, ty, codec)| codec.decoder(ty, &read_as)).collect(),
            nulls: NullBufferBuilder::new(0),
        })
    }
}

/// The type name that marks the structs of composite values that Python values are converted to.
pub const MARKER: &str = "composite";

/// The key in these structs' fields' metadata of the field's PostgreSQL type, for messages.
pub const TYPE_NAME: &str = "howdah.type";

fn in_field(name: &str, error: &CellError) -> CellError {
    CellError::new(error.index, format!("field \"{name}\": {}", error.message))
}

/// A field of the structs, NULL where the struct is NULL: the slots below a NULL struct may contain
/// any value.
pub(super) fn struct_field(structs: &StructArray, name: &str) -> Result<ArrayRef, CellError> {
    let unexpected = || CellError::unexpected(structs);
    let field = structs.column_by_name(name).ok_or_else(unexpected)?;
    if structs.null_count() == 0 {
        return Ok(Arc::clone(field));
    }
    let index = |index: usize| structs.is_valid(index).then_some(index as u64);
    let indices: UInt64Array = (0..structs.len()).map(index).collect();
    arrow_select::take::take(field.as_ref(), &indices, None)
        .map_err(|error| CellError::new(0, error.to_string()))
}

struct Composites {
    field: Field,
    oids: Vec<u32>,
    columns: Vec<Box<dyn Decode>>,
    nulls: NullBufferBuilder,
}

impl Decode for Composites {
    fn extend(&mut self, cells: &[Option<&[u8]>]) -> Result<(), CellError> {
        let mut columns = vec![Vec::with_capacity(cells.len()); self.columns.len()];
        for (index, cell) in cells.iter().enumerate() {
            self.nulls.append(cell.is_some());
            let Some(bytes) = cell else {
                for column in &mut columns {
                    column.push(None);
                }
                continue;
            };
            let push = |field: usize, cell| {
                if let Some(column) = columns.get_mut(field) {
                    column.push(cell);
                }
            };
            record::fields(self.oids.iter().copied(), bytes, push)
                .map_err(|malformed| CellError::new(index, malformed.0))?;
        }
        let DataType::Struct(fields) = self.field.data_type() else { return Ok(()) };
        for ((field, decoder), cells) in fields.iter().zip(&mut self.columns).zip(&columns) {
            decoder.extend(cells).map_err(|error| in_field(field.name(), &error))?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let DataType::Struct(fields) = self.field.data_type() else {
            return Err(ArrowError::SchemaError("a decoder of composites without a struct".into()));
        };
        let rows = self.nulls.len();
        let columns = self.columns.iter_mut().map(|column| column.finish());
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let nulls = self.nulls.finish();
        // Without fields, the columns do not tell how many rows there are.
        let structs = StructArray::try_new_with_length(fields.clone(), columns, nulls, rows)?;
        Ok(Arc::new(structs))
    }
}

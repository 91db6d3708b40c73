//! `numeric`: an Arrow decimal if the column declares a precision, else text; every number type is
//! accepted.
//!
//! Wire: see [`crate::wire::numeric`].

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, Float16Type,
    Float32Type, Float64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_buffer::{NullBufferBuilder, ScalarBuffer, i256};
use arrow_schema::extension::Opaque;
use arrow_schema::{ArrowError, DataType, Field};
use postgres_types::Type;

use super::decode::{DecodeError, formatted, primitive};
use super::encode::{primitive as primitives, variable};
use super::input::{is_integer, is_text, slices};
use super::{CellError, ColumnType, Decode, OutOfRange, PgType, ReadAs, extension, nullable_field};
use crate::wire::cells::Cells;
use crate::wire::numeric::{
    Digits, NotNumeric, Numeric as WireNumeric, parse, power_of_ten, put_i128, put_text,
};

/// `numeric`.
pub struct Numeric;

/// Precision and scale of a type modifier. `numeric_typmod_precision` and `numeric_typmod_scale` of
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/numeric.c>.
#[must_use]
pub fn precision_and_scale(typmod: i32) -> Option<(i32, i32)> {
    let packed = typmod.checked_sub(4).filter(|packed| *packed >= 0)?;
    Some(((packed >> 16) & 0xffff, ((packed & 0x7ff) ^ 1024) - 1024))
}

/// The Arrow decimal that holds every value of the declared type.
fn decimal(declared: &ColumnType) -> Option<DataType> {
    let (precision, scale) = precision_and_scale(declared.typmod)?;
    // Readers of Arrow support neither a negative scale nor one above the precision.
    let whole = precision - scale;
    let scale = scale.max(0);
    let precision = u8::try_from((whole + scale).max(scale).max(1)).ok()?;
    let scale = i8::try_from(scale).ok()?;
    match precision {
        ..=38 => Some(DataType::Decimal128(precision, scale)),
        39..=76 => Some(DataType::Decimal256(precision, scale)),
        _ => None,
    }
}

fn read_type(declared: &ColumnType, read_as: &ReadAs) -> Option<DataType> {
    match &read_as.requested {
        Some(requested) => Some(requested.clone()).filter(|requested| *requested != DataType::Utf8),
        None if read_as.out_of_range == OutOfRange::Text => None,
        None => decimal(declared),
    }
}

impl PgType for Numeric {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::NUMERIC)
    }

    fn arrow(&self, declared: &ColumnType, read_as: &ReadAs) -> Field {
        match read_type(declared, read_as) {
            Some(data_type) => nullable_field(data_type),
            None => nullable_field(DataType::Utf8)
                .with_extension_type(Opaque::new("numeric", "PostgreSQL")),
        }
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        let data_type = source.data_type();
        data_type.is_decimal()
            || data_type.is_floating()
            || is_integer(data_type) && extension(source) != "arrow.bool8"
            || is_text(data_type) && is_opaque_numeric(source)
    }

    fn encode<'a>(
        &self,
        declared: &ColumnType,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        let limit = precision_and_scale(declared.typmod);
        match array.data_type() {
            DataType::Decimal32(_, scale) => {
                decimals::<Decimal32Type>(array, *scale, limit, i128::from)
            }
            DataType::Decimal64(_, scale) => {
                decimals::<Decimal64Type>(array, *scale, limit, i128::from)
            }
            DataType::Decimal128(_, scale) => {
                decimals::<Decimal128Type>(array, *scale, limit, |v| v)
            }
            DataType::Decimal256(_, scale) => {
                let array = primitives::<Decimal256Type>(array)?;
                texts(array, limit, |index| {
                    decimal_text::<Decimal256Type>(array.value(index), *scale)
                })
            }
            DataType::Float16 => floats::<Float16Type>(array, limit, |v| f64::from(v.to_f32())),
            DataType::Float32 => {
                let array = primitives::<Float32Type>(array)?;
                texts(array, limit, |index| array.value(index).to_string())
            }
            DataType::Float64 => floats::<Float64Type>(array, limit, |v| v),
            data_type if is_text(data_type) => {
                let slices = slices(array)?;
                let text = |index: usize| slices.get(index).copied().unwrap_or_default();
                texts(array, limit, |index| String::from_utf8_lossy(text(index)).into_owned())
            }
            _ => {
                let wide = arrow_cast::cast(array, &DataType::Decimal128(20, 0))
                    .map_err(|error| CellError::new(0, error.to_string()))?;
                decimals::<Decimal128Type>(wide.as_ref(), 0, limit, |v| v)
            }
        }
    }

    fn check_exact(&self, declared: &ColumnType, cell: &[u8]) -> Result<(), String> {
        match precision_and_scale(declared.typmod) {
            Some(limit) => check_scale(limit, cell),
            None => Ok(()),
        }
    }

    fn decodes_to(&self, requested: &DataType) -> bool {
        matches!(
            requested,
            DataType::Decimal128(..)
                | DataType::Decimal256(..)
                | DataType::Utf8
                | DataType::Float32
                | DataType::Float64
        )
    }

    fn decoder(&self, declared: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        let policy = read_as.out_of_range;
        match read_type(declared, read_as) {
            Some(DataType::Decimal128(precision, scale)) => primitive::<Decimal128Type, _>(
                DataType::Decimal128(precision, scale),
                policy,
                decimal128(precision, scale),
            ),
            Some(DataType::Decimal256(precision, scale)) => Box::new(Decimal256Decoder {
                precision,
                scale,
                policy,
                values: Vec::new(),
                nulls: NullBufferBuilder::new(0),
            }),
            Some(DataType::Float32) => {
                primitive::<Float32Type, _>(DataType::Float32, policy, float)
            }
            Some(DataType::Float64) => {
                primitive::<Float64Type, _>(DataType::Float64, policy, float)
            }
            _ => formatted(|cell, out| {
                parse(cell)?.text(out);
                Ok(())
            }),
        }
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        match source.data_type() {
            DataType::UInt64 => Some("numeric(20,0)".into()),
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale) => match u8::try_from(*scale) {
                Ok(scale) => Some(format!("numeric({},{scale})", (*precision).max(scale))),
                Err(_) => Some(format!("numeric({},0)", i32::from(*precision) - i32::from(*scale))),
            },
            data_type => {
                (is_text(data_type) && is_opaque_numeric(source)).then(|| "numeric".into())
            }
        }
    }
}

/// Whether a field's extension type marks its text as numeric.
fn is_opaque_numeric(source: &Field) -> bool {
    let opaque = source.try_extension_type::<Opaque>();
    opaque.is_ok_and(|opaque| opaque.type_name() == "numeric")
}

type Limit = Option<(i32, i32)>;

/// The error of a value with more fractional digits than the column's scale, which the server would
/// round.
fn too_many_digits(value: &str, (precision, scale): (i32, i32)) -> String {
    format!(
        "{value} has more digits after the point than numeric({precision},{scale}); round it first"
    )
}

/// Formats an unscaled integer as a decimal number.
fn decimal_text<T: DecimalType>(value: T::Native, scale: i8) -> String {
    // Without a precision: the value may have more digits than its Arrow type declares.
    T::format_decimal(value, u8::MAX, scale)
}

/// Encodes Arrow decimals; digits beyond the column's scale must be zeros.
fn decimals<T: DecimalType>(
    array: &dyn Array,
    scale: i8,
    limit: Limit,
    widen: impl Fn(T::Native) -> i128,
) -> Result<Cells<'static>, CellError> {
    let values = primitives::<T>(array)?.values();
    let surplus = limit.map_or(0, |(_, column)| i32::from(scale) - column).max(0);
    let power = power_of_ten(surplus.unsigned_abs()).and_then(|power| i128::try_from(power).ok());
    let shift = power_of_ten(u32::from(scale.min(0).unsigned_abs()));
    let shift = shift.and_then(|shift| i128::try_from(shift).ok());
    let shown = u8::try_from(scale).unwrap_or(0);
    variable(array, |index, out| {
        let value = values.get(index).copied().map_or(0, &widen);
        if let Some(limit) = limit
            && surplus > 0
            && !power.map_or(value == 0, |power| value % power == 0)
        {
            return Err(too_many_digits(&decimal_text::<Decimal128Type>(value, scale), limit));
        }
        match shift.and_then(|shift| value.checked_mul(shift)) {
            Some(value) => put_i128(value, shown, out),
            None => put_number(&decimal_text::<Decimal128Type>(value, scale), limit, out)?,
        }
        Ok(())
    })
}

/// Encodes floats by their shortest decimal representation.
fn floats<T: arrow_array::types::ArrowPrimitiveType>(
    array: &dyn Array,
    limit: Limit,
    widen: impl Fn(T::Native) -> f64,
) -> Result<Cells<'static>, CellError> {
    let array = primitives::<T>(array)?;
    texts(array, limit, |index| widen(array.value(index)).to_string())
}

fn texts(
    array: &dyn Array,
    limit: Limit,
    text: impl Fn(usize) -> String,
) -> Result<Cells<'static>, CellError> {
    variable(array, |index, out| put_number(&text(index), limit, out))
}

fn put_number(text: &str, limit: Limit, out: &mut Vec<u8>) -> Result<(), String> {
    let start = out.len();
    put_text(text, out).map_err(|error| match error {
        NotNumeric::Syntax => "text that is not a number".to_owned(),
        NotNumeric::Limits => format!("{text} has more digits than numeric can hold"),
    })?;
    match limit {
        Some(limit) => check_scale(limit, out.get(start..).unwrap_or_default()),
        None => Ok(()),
    }
}

/// Checks that a column stores all fractional digits of a number.
fn check_scale((precision, scale): (i32, i32), cell: &[u8]) -> Result<(), String> {
    if let Ok(value @ WireNumeric::Finite(digits)) = parse(cell)
        && digits.unscaled(scale).is_none()
        && digits.unscaled_text(scale).is_none()
    {
        return Err(too_many_digits(&value_text(&value), (precision, scale)));
    }
    Ok(())
}

fn value_text(value: &WireNumeric<'_>) -> String {
    let mut text = String::new();
    value.text(&mut text);
    text
}

fn decimal128(
    precision: u8,
    scale: i8,
) -> impl Fn(&[u8]) -> Result<i128, DecodeError<i128>> + Send + 'static {
    let power = power_of_ten(u32::from(precision)).and_then(|power| i128::try_from(power).ok());
    let limit = power.unwrap_or(i128::MAX);
    move |cell| {
        let value = parse(cell)?;
        let exact = match &value {
            WireNumeric::Finite(digits) => digits.unscaled(i32::from(scale)),
            _ => None,
        };
        exact.filter(|exact| exact.unsigned_abs() < limit.unsigned_abs()).ok_or_else(|| {
            let nearest = overflow_sign(&value, i32::from(precision), i32::from(scale));
            let nearest = nearest.map(|negative| if negative { 1 - limit } else { limit - 1 });
            DecodeError::OutOfRange { nearest, value: value_text(&value) }
        })
    }
}

/// Whether a value that a decimal cannot hold is below its range (`true`) or above (`false`);
/// `None` if it is within the range but has too many fractional digits, or is not a number.
fn overflow_sign(value: &WireNumeric<'_>, precision: i32, scale: i32) -> Option<bool> {
    let beyond = |digits: &Digits<'_>| digits.whole_digits() > i64::from(precision - scale);
    match value {
        WireNumeric::Finite(digits) => beyond(digits).then_some(digits.is_negative()),
        WireNumeric::NaN => None,
        WireNumeric::Infinite { negative } => Some(*negative),
    }
}

/// Decodes a number that a float's shortest representation equals.
fn float<F: FromStr + Display + Copy>(cell: &[u8]) -> Result<F, DecodeError<F>> {
    let value = parse(cell)?;
    let text = match &value {
        WireNumeric::NaN => "NaN".to_owned(),
        WireNumeric::Infinite { negative } => if *negative { "-inf" } else { "inf" }.to_owned(),
        WireNumeric::Finite(_) => value_text(&value),
    };
    let float: F =
        text.parse().map_err(|_| DecodeError::Malformed(format!("{text} is not a number")))?;
    if !matches!(value, WireNumeric::Finite(_)) || is_same_number(&float.to_string(), &text) {
        Ok(float)
    } else {
        Err(DecodeError::OutOfRange { nearest: Some(float), value: text })
    }
}

/// Whether two texts are the same number, whatever their trailing zeros after the point.
#[must_use]
pub fn is_same_number(a: &str, b: &str) -> bool {
    let digits = |text: &str| {
        let mut bytes = Vec::new();
        put_text(text, &mut bytes).ok()?;
        // Without the display scale, which does not change the value.
        bytes.drain(6..8);
        Some(bytes)
    };
    digits(a).is_some_and(|a| digits(b).is_some_and(|b| a == b))
}

struct Decimal256Decoder {
    precision: u8,
    scale: i8,
    policy: OutOfRange,
    values: Vec<i256>,
    nulls: NullBufferBuilder,
}

impl Decimal256Decoder {
    fn data_type(&self) -> DataType {
        DataType::Decimal256(self.precision, self.scale)
    }

    fn read(&self, cell: &[u8]) -> Result<Option<i256>, String> {
        let (precision, scale) = (i32::from(self.precision), i32::from(self.scale));
        let value = parse(cell).map_err(|malformed| malformed.0)?;
        let exact = match &value {
            WireNumeric::Finite(digits) => digits.unscaled_text(scale),
            _ => None,
        };
        let fits = |text: &String| {
            text.trim_start_matches(['-', '0']).len() <= usize::from(self.precision)
        };
        if let Some(exact) = exact.filter(fits).and_then(|text| i256::from_string(&text)) {
            return Ok(Some(exact));
        }
        if self.policy == OutOfRange::Null {
            return Ok(None);
        }
        let nines = "9".repeat(usize::from(self.precision));
        let nearest = overflow_sign(&value, precision, scale)
            .map(|negative| if negative { format!("-{nines}") } else { nines })
            .filter(|_| self.policy == OutOfRange::Clamp)
            .and_then(|text| i256::from_string(&text));
        nearest.map(Some).ok_or_else(|| {
            let (value, arrow) = (value_text(&value), self.data_type());
            format!("{value} is out of range for Arrow's {arrow}; pass out_of_range=\"null\", \"clamp\" or \"string\"")
        })
    }
}

impl Decode for Decimal256Decoder {
    fn extend(&mut self, cells: &[Option<&[u8]>]) -> Result<(), CellError> {
        for (index, cell) in cells.iter().enumerate() {
            let value = cell.map(|cell| self.read(cell)).transpose();
            let value = value.map_err(|message| CellError::new(index, message))?.flatten();
            self.values.push(value.unwrap_or_default());
            self.nulls.append(value.is_some());
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let values = ScalarBuffer::from(std::mem::take(&mut self.values));
        let array = PrimitiveArray::<Decimal256Type>::try_new(values, self.nulls.finish())?;
        Ok(Arc::new(array.with_precision_and_scale(self.precision, self.scale)?))
    }
}

//! A column as another Arrow type, if nothing of it is lost.

use arrow_array::{Array, ArrayRef};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::DataType;

use crate::types::CellError;

/// Casts an array, and back again to see that every value survived.
pub(super) fn exactly(array: &ArrayRef, asked: &DataType) -> Result<ArrayRef, CellError> {
    if array.data_type() == asked {
        return Ok(ArrayRef::clone(array));
    }
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let failed = |error: arrow_schema::ArrowError| CellError::new(0, error.to_string());
    let cast = cast_with_options(array, asked, &options).map_err(failed)?;
    let back = cast_with_options(&cast, array.data_type(), &options).map_err(failed)?;
    let same = |index: usize| back.slice(index, 1).to_data() == array.slice(index, 1).to_data();
    if back.to_data() == array.to_data() {
        return Ok(cast);
    }
    match (0..array.len()).find(|index| !same(*index)) {
        None => Ok(cast),
        Some(index) => Err(CellError::new(
            index,
            format!("a value that {asked} cannot hold exactly; ask for a wider type"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Float64Array, Int64Array};
    use std::sync::Arc;

    #[test]
    fn test_exactly_of_a_value_that_would_change_names_its_row() {
        let array: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(300)]));
        assert_eq!(exactly(&array, &DataType::Int8).unwrap_err().index, 2);
        assert_eq!(exactly(&array, &DataType::Int16).unwrap().null_count(), 1);
        let array: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.5]));
        assert_eq!(exactly(&array, &DataType::Int32).unwrap_err().index, 1);
    }
}

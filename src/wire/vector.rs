//! The binary formats of pgvector's types: the number of dimensions, two zero bytes, the elements.
//!
//! Layout: `vector_recv` of <https://github.com/pgvector/pgvector/blob/v0.8.1/src/vector.c> and
//! `halfvec_recv` of <https://github.com/pgvector/pgvector/blob/v0.8.1/src/halfvec.c>.

use half::f16;

use super::Malformed;

/// `VECTOR_MAX_DIM` and `HALFVEC_MAX_DIM`.
pub const MAX_DIMENSIONS: usize = 16_000;

/// The width of a vector's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// `vector`: 32 bits.
    Single,
    /// `halfvec`: 16 bits.
    Half,
}

impl Width {
    /// The width of a type of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "vector" => Some(Self::Single),
            "halfvec" => Some(Self::Half),
            _ => None,
        }
    }

    /// The bytes of one element.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Single => 4,
            Self::Half => 2,
        }
    }
}

/// Appends a vector; elements of a `halfvec` are rounded as the server rounds them.
///
/// # Errors
/// When the number of dimensions is invalid, or an element is not finite in this width.
pub fn put(width: Width, numbers: &[f32], out: &mut Vec<u8>) -> Result<(), String> {
    let count = u16::try_from(numbers.len())
        .ok()
        .filter(|count| (1..=MAX_DIMENSIONS).contains(&usize::from(*count)))
        .ok_or_else(|| {
            format!("expected 1 to {MAX_DIMENSIONS} dimensions, got {}", numbers.len())
        })?;
    let start = out.len();
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    let body = out.len();
    out.resize(body + numbers.len() * width.bytes(), 0);
    let cells = out.get_mut(body..).unwrap_or_default();
    // Finiteness is checked in a separate loop: a check and exit within the writing loop would
    // prevent its vectorization.
    let is_finite = match width {
        Width::Single => {
            let (cells, _) = cells.as_chunks_mut::<4>();
            for (cell, number) in cells.iter_mut().zip(numbers) {
                *cell = number.to_be_bytes();
            }
            numbers.iter().fold(true, |all, number| all & number.is_finite())
        }
        Width::Half => {
            let (cells, _) = cells.as_chunks_mut::<2>();
            let mut all = true;
            for (cell, number) in cells.iter_mut().zip(numbers) {
                let number = f16::from_f32(*number);
                all &= number.is_finite();
                *cell = number.to_be_bytes();
            }
            all
        }
    };
    if is_finite {
        return Ok(());
    }
    out.truncate(start);
    Err(not_finite(width, numbers))
}

#[cold]
fn not_finite(width: Width, numbers: &[f32]) -> String {
    let fits = |number: &f32| match width {
        Width::Single => number.is_finite(),
        Width::Half => f16::from_f32(*number).is_finite(),
    };
    let position = numbers.iter().position(|number| !fits(number)).unwrap_or(0);
    match numbers.get(position) {
        Some(number) if number.is_finite() => {
            format!("{number} at element {position} is out of range for halfvec, at most 65504")
        }
        Some(number) => format!("{number} at element {position}, expected a finite number"),
        None => "numbers that are not finite".to_owned(),
    }
}

/// The elements of a vector in the wire format.
pub fn body(width: Width, bytes: &[u8]) -> Result<&[u8], Malformed> {
    let malformed = || Malformed(format!("a vector of {} bytes", bytes.len()));
    let [high, low, 0, 0, body @ ..] = bytes else { return Err(malformed()) };
    let count = usize::from(u16::from_be_bytes([*high, *low]));
    if (1..=MAX_DIMENSIONS).contains(&count) && body.len() == count * width.bytes() {
        Ok(body)
    } else {
        Err(malformed())
    }
}

/// Appends the elements of a vector; returns their count.
pub fn read(width: Width, bytes: &[u8], out: &mut Vec<f32>) -> Result<usize, Malformed> {
    let body = body(width, bytes)?;
    match width {
        Width::Single => {
            out.extend(body.as_chunks().0.iter().map(|bytes| f32::from_be_bytes(*bytes)));
        }
        Width::Half => {
            out.extend(body.as_chunks().0.iter().map(|bytes| f16::from_be_bytes(*bytes).to_f32()));
        }
    }
    Ok(body.len() / width.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_vector_of_numbers_round_trips_through_bytes() {
        for width in [Width::Single, Width::Half] {
            let numbers = [1.0, -2.5, 0.0, -0.0, 65504.0];
            let mut bytes = vec![7];
            put(width, &numbers, &mut bytes).unwrap();
            let bytes = &bytes[1..];
            assert_eq!(bytes[..4], [0, 5, 0, 0]);
            let mut back = Vec::new();
            assert_eq!(read(width, bytes, &mut back), Ok(5));
            assert!(back.iter().map(|n| n.to_bits()).eq(numbers.iter().map(|n| n.to_bits())));
            for cut in 0..bytes.len() {
                assert!(read(width, &bytes[..cut], &mut Vec::new()).is_err(), "cut at {cut}");
            }
        }
    }

    #[test]
    fn test_put_of_vector_that_does_not_fit_fails_and_appends_nothing() {
        let mut out = Vec::new();
        for (width, numbers, says) in [
            (Width::Single, vec![], "got 0"),
            (Width::Single, vec![0.0; 16_001], "got 16001"),
            (Width::Half, vec![0.0; 70_000], "got 70000"),
            (Width::Single, vec![1.0, f32::NAN], "NaN at element 1"),
            (Width::Half, vec![f32::NEG_INFINITY], "-inf at element 0"),
            (Width::Half, vec![0.0, 65520.0], "65520 at element 1"),
        ] {
            let error = put(width, &numbers, &mut out).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        assert!(out.is_empty());
    }

    #[test]
    fn test_read_of_vector_with_invalid_header_is_an_error() {
        for bytes in [&[0, 0, 0, 0][..], &[0, 1, 0, 1, 0, 0, 0, 0], &[0, 2, 0, 0, 0, 0, 0, 0]] {
            assert!(read(Width::Single, bytes, &mut Vec::new()).is_err(), "{bytes:?}");
        }
    }
}

//! pgvector's vectors on the wire: how many numbers, two bytes of nothing, the numbers.
//!
//! Layout: `vector_recv` of <https://github.com/pgvector/pgvector/blob/v0.8.1/src/vector.c> and
//! `halfvec_recv` of <https://github.com/pgvector/pgvector/blob/v0.8.1/src/halfvec.c>.

use half::f16;

use super::Malformed;

/// `VECTOR_MAX_DIM` and `HALFVEC_MAX_DIM`.
pub const MOST_NUMBERS: usize = 16_000;

/// How wide the numbers are.
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

    /// How many bytes a number takes.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Single => 4,
            Self::Half => 2,
        }
    }
}

/// Appends a vector; a `halfvec`'s numbers are rounded, as the server does it.
///
/// # Errors
/// When there are none or too many, or one is not finite in that width.
pub fn put(width: Width, numbers: &[f32], out: &mut Vec<u8>) -> Result<(), String> {
    let count = u16::try_from(numbers.len())
        .ok()
        .filter(|count| (1..=MOST_NUMBERS).contains(&usize::from(*count)))
        .ok_or_else(|| {
            format!("{} numbers, where a vector has 1 to {MOST_NUMBERS}", numbers.len())
        })?;
    let start = out.len();
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    let body = out.len();
    out.resize(body + numbers.len() * width.bytes(), 0);
    let places = out.get_mut(body..).unwrap_or_default();
    // Looking at every number as it is written would keep the loop from being made of wide steps.
    let is_finite = match width {
        Width::Single => {
            let (places, _) = places.as_chunks_mut::<4>();
            for (place, number) in places.iter_mut().zip(numbers) {
                *place = number.to_be_bytes();
            }
            numbers.iter().fold(true, |all, number| all & number.is_finite())
        }
        Width::Half => {
            let (places, _) = places.as_chunks_mut::<2>();
            let mut all = true;
            for (place, number) in places.iter_mut().zip(numbers) {
                let number = f16::from_f32(*number);
                all &= number.is_finite();
                *place = number.to_be_bytes();
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
    let place = numbers.iter().position(|number| !fits(number)).unwrap_or(0);
    match numbers.get(place) {
        Some(number) if number.is_finite() => {
            format!("{number} at element {place}, where a half float ends at 65504")
        }
        Some(number) => format!("{number} at element {place}, where a vector has finite numbers"),
        None => "numbers that are not finite".to_owned(),
    }
}

/// The numbers of a vector as they lie on the wire.
///
/// # Errors
/// When the bytes are no vector.
pub fn body(width: Width, bytes: &[u8]) -> Result<&[u8], Malformed> {
    let malformed = || Malformed(format!("a vector of {} bytes", bytes.len()));
    let [high, low, 0, 0, body @ ..] = bytes else { return Err(malformed()) };
    let count = usize::from(u16::from_be_bytes([*high, *low]));
    if (1..=MOST_NUMBERS).contains(&count) && body.len() == count * width.bytes() {
        Ok(body)
    } else {
        Err(malformed())
    }
}

/// Appends the numbers of a vector; tells how many.
///
/// # Errors
/// When the bytes are no vector.
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
    fn test_vector_of_numbers_survives_its_bytes() {
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
    fn test_vector_that_the_type_cannot_hold_is_an_error_and_writes_nothing() {
        let mut out = Vec::new();
        for (width, numbers, says) in [
            (Width::Single, vec![], "0 numbers"),
            (Width::Single, vec![0.0; 16_001], "16001 numbers"),
            (Width::Half, vec![0.0; 70_000], "70000 numbers"),
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
    fn test_vector_with_a_lying_head_is_malformed() {
        for bytes in [&[0, 0, 0, 0][..], &[0, 1, 0, 1, 0, 0, 0, 0], &[0, 2, 0, 0, 0, 0, 0, 0]] {
            assert!(read(Width::Single, bytes, &mut Vec::new()).is_err(), "{bytes:?}");
        }
    }
}

//! pgvector's `sparsevec`: an Arrow utf8 of the elements that are not zero, their places counted
//! from 1, and the number of dimensions, as in `{1:1.5,3:2}/5`.
//!
//! Wire: the dimensions, the number of elements and a zero, 4 bytes each; the places, counted from
//! 0; the elements as float4. `sparsevec_recv` of
//! <https://github.com/pgvector/pgvector/blob/v0.8.1/src/sparsevec.c>.

use std::fmt::Write;

use super::text_form::{TextForm, not_a};
use crate::wire::float_text::float4_text;
use crate::wire::{Malformed, fixed};

pub(super) static SPARSEVEC: TextForm =
    TextForm { name: "sparsevec", built_in: None, print, parse, check: check_dimensions };

struct Sparse {
    dimensions: i32,
    places: Vec<i32>,
    elements: Vec<f32>,
}

fn read(cell: &[u8]) -> Result<Sparse, Malformed> {
    let invalid = || Malformed(format!("a sparsevec of {} bytes", cell.len()));
    let mut words = cell.chunks(4).map(fixed::<4>);
    let mut word = || words.next().ok_or_else(invalid)?;
    let (dimensions, count, _) = (word()?, word()?, word()?);
    let count = usize::try_from(i32::from_be_bytes(count)).map_err(|_| invalid())?;
    if cell.len() / 4 != 3 + 2 * count || !cell.len().is_multiple_of(4) {
        return Err(invalid());
    }
    let places = (0..count).map(|_| word().map(i32::from_be_bytes)).collect::<Result<_, _>>()?;
    let elements = (0..count).map(|_| word().map(f32::from_be_bytes)).collect::<Result<_, _>>()?;
    Ok(Sparse { dimensions: i32::from_be_bytes(dimensions), places, elements })
}

fn print(cell: &[u8], out: &mut String) -> Result<(), Malformed> {
    let sparse = read(cell)?;
    out.push('{');
    for (index, (place, element)) in sparse.places.iter().zip(&sparse.elements).enumerate() {
        let separator = if index > 0 { "," } else { "" };
        let _infallible = write!(out, "{separator}{}:", i64::from(*place) + 1);
        float4_text(*element, out);
    }
    let _infallible = write!(out, "}}/{}", sparse.dimensions);
    Ok(())
}

fn parse(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let sparse = sparse(text).ok_or_else(|| not_a("a sparsevec", "{1:1.5,3:2}/5"))?;
    let count = i32::try_from(sparse.places.len()).unwrap_or(i32::MAX);
    for word in [sparse.dimensions, count, 0].into_iter().chain(sparse.places) {
        out.extend(word.to_be_bytes());
    }
    for element in sparse.elements {
        out.extend(element.to_be_bytes());
    }
    Ok(())
}

/// Parses a sparse vector; its places must ascend, and zeros are left out.
fn sparse(text: &str) -> Option<Sparse> {
    let (elements, dimensions) = text.trim().rsplit_once('/')?;
    let elements = elements.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let mut sparse = Sparse {
        dimensions: dimensions.trim().parse().ok()?,
        places: Vec::new(),
        elements: Vec::new(),
    };
    for element in elements.split(',').filter(|_| !elements.is_empty()) {
        let (place, element) = element.split_once(':')?;
        let place = place.trim().parse::<i32>().ok()?.checked_sub(1).filter(|place| *place >= 0)?;
        let element: f32 =
            element.trim().parse().ok().filter(|element: &f32| element.is_finite())?;
        if place >= sparse.dimensions || sparse.places.last().is_some_and(|last| *last >= place) {
            return None;
        }
        if element != 0.0 {
            sparse.places.push(place);
            sparse.elements.push(element);
        }
    }
    Some(sparse)
}

fn check_dimensions(expected: i32, cell: &[u8]) -> Result<(), String> {
    let dimensions = read(cell).map_err(|malformed| malformed.0)?.dimensions;
    if dimensions == expected {
        Ok(())
    } else {
        Err(format!("expected {expected} dimensions, got {dimensions}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_text_round_trips() {
        for (text, expected) in
            [("{1:1.5,3:2}/5", "{1:1.5,3:2}/5"), ("{}/3", "{}/3"), (" {2:0 , 3:-1}/3", "{3:-1}/3")]
        {
            let (mut cell, mut printed) = (Vec::new(), String::new());
            parse(text, &mut cell).unwrap();
            print(&cell, &mut printed).unwrap();
            assert_eq!(printed, expected);
        }
        for text in ["", "{0:1}/3", "{4:1}/3", "{2:1,1:1}/3", "{1:inf}/3", "{1}/3", "{1:1}"] {
            assert!(parse(text, &mut Vec::new()).is_err(), "{text}");
        }
    }

    #[test]
    fn test_print_of_another_length_is_an_error() {
        let mut cell = Vec::new();
        parse("{1:1.5}/2", &mut cell).unwrap();
        for end in 0..cell.len() {
            assert!(print(&cell[..end], &mut String::new()).is_err(), "cut at {end}");
        }
    }
}

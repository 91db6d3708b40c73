//! `cube` of the extension of that name: an Arrow utf8 as the server prints it with all digits.
//!
//! Wire: the number of dimensions in 4 bytes, whose highest bit says that both corners are the same,
//! then the coordinates of the corners as float8. `cube_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/contrib/cube/cube.c>.

use super::text_form::{TextForm, checked_by_server, not_a};
use crate::wire::Malformed;
use crate::wire::float_text::float8_text;
use crate::wire::geometry::{parse_number, put_floats, read_floats, within};

pub(super) static CUBE: TextForm =
    TextForm { name: "cube", built_in: None, print, parse, check: checked_by_server };

/// `POINT_BIT` and `DIM_MASK` of `contrib/cube/cubedata.h`.
const IS_POINT: u32 = 0x8000_0000;
const DIMENSIONS: u32 = 0x7fff_ffff;
/// `CUBE_MAX_DIM`.
const MAX_DIMENSIONS: usize = 100;

fn print(cell: &[u8], out: &mut String) -> Result<(), Malformed> {
    let (header, rest) = cell.split_first_chunk().ok_or(Malformed::length(4, cell.len()))?;
    let header = u32::from_be_bytes(*header);
    let (dimensions, is_point) = ((header & DIMENSIONS) as usize, header & IS_POINT != 0);
    let floats = read_floats(rest)?;
    let corners = if is_point { 1 } else { 2 };
    if dimensions > MAX_DIMENSIONS || floats.len() != dimensions * corners {
        return Err(Malformed(format!(
            "a cube of {dimensions} dimensions in {} bytes",
            cell.len()
        )));
    }
    let (lower, upper) = floats.split_at(dimensions);
    put_corner(lower, out);
    if !is_point && lower != upper {
        out.push(',');
        put_corner(upper, out);
    }
    Ok(())
}

fn put_corner(corner: &[f64], out: &mut String) {
    out.push('(');
    for (index, coordinate) in corner.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        float8_text(*coordinate, out);
    }
    out.push(')');
}

fn parse(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let (lower, upper) = corners(text).ok_or_else(|| not_a("a cube", "(1, 2),(3, 4)"))?;
    let is_point = upper.as_ref().is_none_or(|upper| *upper == lower);
    let count = u32::try_from(lower.len()).ok().filter(|_| lower.len() <= MAX_DIMENSIONS);
    let count = count
        .ok_or_else(|| format!("a cube of {} dimensions, over {MAX_DIMENSIONS}", lower.len()))?;
    out.extend((count | if is_point { IS_POINT } else { 0 }).to_be_bytes());
    put_floats(&lower, out);
    if let Some(upper) = upper.filter(|_| !is_point) {
        put_floats(&upper, out);
    }
    Ok(())
}

/// The first corner, and the second one if there is one.
fn corners(text: &str) -> Option<(Vec<f64>, Option<Vec<f64>>)> {
    let text = within(text, '[', ']').unwrap_or(text).trim();
    if let Some((lower, upper)) = text.split_once("),") {
        let lower = coordinates(lower.trim().strip_prefix('(')?)?;
        let upper = coordinates(within(upper, '(', ')')?)?;
        return (lower.len() == upper.len()).then_some((lower, Some(upper)));
    }
    Some((coordinates(within(text, '(', ')').unwrap_or(text))?, None))
}

fn coordinates(text: &str) -> Option<Vec<f64>> {
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    text.split(',').map(parse_number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_every_notation_is_printed_as_the_server_prints_it() {
        for (text, expected) in [
            ("1", "(1)"),
            ("1, 2", "(1, 2)"),
            ("(1,2)", "(1, 2)"),
            ("(1,2),(3,4.5)", "(1, 2),(3, 4.5)"),
            ("[(1,2),(1,2)]", "(1, 2)"),
            ("()", "()"),
        ] {
            let (mut cell, mut printed) = (Vec::new(), String::new());
            parse(text, &mut cell).unwrap();
            print(&cell, &mut printed).unwrap();
            assert_eq!(printed, expected);
        }
        for text in ["x", "(1,2),(3)", "(1", "(1),(2),(3)"] {
            assert!(parse(text, &mut Vec::new()).is_err(), "{text}");
        }
    }

    #[test]
    fn test_print_of_another_length_is_an_error() {
        for cell in [&[0, 0, 0][..], &[0, 0, 0, 1, 0], &[0x7f, 0xff, 0xff, 0xff]] {
            assert!(print(cell, &mut String::new()).is_err(), "{cell:?}");
        }
    }
}

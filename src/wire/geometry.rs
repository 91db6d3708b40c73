//! The binary format of the geometric types, their coordinates as float8, and their text.
//!
//! Layout and text: `point_recv`, `path_recv`, `circle_in` and the like of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/geo_ops.c>.

use super::float_text::{float8_text, parse_float8};
use super::{Malformed, fixed};

/// A point: its two coordinates.
pub type Point = (f64, f64);

/// Reads coordinates to the end of the bytes.
pub fn read_floats(bytes: &[u8]) -> Result<Vec<f64>, Malformed> {
    bytes.chunks(8).map(|chunk| fixed(chunk).map(f64::from_be_bytes)).collect()
}

/// Reads exactly `N` coordinates.
pub fn read_exactly<const N: usize>(bytes: &[u8]) -> Result<[f64; N], Malformed> {
    let length = || Malformed::length(N * 8, bytes.len());
    read_floats(bytes)?.try_into().map_err(|_| length())
}

/// Reads the points after their count.
pub fn read_counted(bytes: &[u8]) -> Result<Vec<Point>, Malformed> {
    let (count, rest) = bytes.split_first_chunk().ok_or(Malformed::length(4, bytes.len()))?;
    let floats = read_floats(rest)?;
    let points = floats.chunks_exact(2).map(|pair| match pair {
        [x, y] => (*x, *y),
        _ => (0.0, 0.0),
    });
    let points: Vec<_> = points.collect();
    let expected = i32::from_be_bytes(*count);
    if floats.len() == points.len() * 2 && usize::try_from(expected) == Ok(points.len()) {
        Ok(points)
    } else {
        Err(Malformed(format!("expected {expected} points, got {} bytes", rest.len())))
    }
}

/// Appends coordinates.
pub fn put_floats(floats: &[f64], out: &mut Vec<u8>) {
    for float in floats {
        out.extend_from_slice(&float.to_be_bytes());
    }
}

/// Appends points, after their count if `counted`.
pub fn put_points(points: &[Point], counted: bool, out: &mut Vec<u8>) {
    if counted {
        out.extend_from_slice(&i32::try_from(points.len()).unwrap_or(i32::MAX).to_be_bytes());
    }
    for (x, y) in points {
        put_floats(&[*x, *y], out);
    }
}

/// Appends the text of a point.
pub fn point_text((x, y): Point, out: &mut String) {
    out.push('(');
    float8_text(x, out);
    out.push(',');
    float8_text(y, out);
    out.push(')');
}

/// Appends the text of points, between commas.
pub fn points_text(points: &[Point], out: &mut String) {
    for (index, point) in points.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        point_text(*point, out);
    }
}

/// The text within a pair of brackets that encloses all of it.
#[must_use]
pub fn within(text: &str, open: char, close: char) -> Option<&str> {
    let inner = text.trim().strip_prefix(open)?.strip_suffix(close)?;
    let mut depth = 0_i32;
    for c in inner.chars() {
        depth += i32::from(c == open) - i32::from(c == close);
        if depth < 0 {
            return None;
        }
    }
    Some(inner)
}

/// Parses a comma-separated list of points, each with or without parentheses.
#[must_use]
pub fn parse_points(text: &str) -> Option<Vec<Point>> {
    let (points, rest) = take_points(text)?;
    rest.trim().is_empty().then_some(points)
}

/// Parses a point and what follows it after a comma.
#[must_use]
pub fn parse_point_and(text: &str) -> Option<(Point, &str)> {
    let (point, rest) = take_point(text)?;
    Some((point, rest.trim_start().strip_prefix(',')?))
}

/// Parses a number.
#[must_use]
pub fn parse_number(text: &str) -> Option<f64> {
    parse_float8(text.trim())
}

fn take_points(text: &str) -> Option<(Vec<Point>, &str)> {
    let (first, mut rest) = take_point(text)?;
    let mut points = vec![first];
    while let Some(next) = rest.trim_start().strip_prefix(',') {
        let (point, after) = take_point(next)?;
        points.push(point);
        rest = after;
    }
    Some((points, rest))
}

fn take_point(text: &str) -> Option<(Point, &str)> {
    let text = text.trim_start();
    let (in_parentheses, text) = match text.strip_prefix('(') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (x, rest) = take_number(text)?;
    let (y, rest) = take_number(rest.trim_start().strip_prefix(',')?)?;
    let rest = if in_parentheses { rest.trim_start().strip_prefix(')')? } else { rest };
    Some(((x, y), rest))
}

fn take_number(text: &str) -> Option<(f64, &str)> {
    let text = text.trim_start();
    let end = text.find([',', ')', '(']).unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(end)?;
    Some((parse_number(number)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_parse_points_takes_every_bracketing() {
        let expected = Some(vec![(1.0, -2.5), (3.0, 4e5)]);
        for text in ["(1,-2.5),(3,4e5)", "1,-2.5,3,4e5", " ( 1 , -2.5 ) , 3,4e5 "] {
            assert_eq!(parse_points(text), expected, "{text}");
        }
        for text in ["", "(1", "1,2,", "1,2,3", "(1,2) (3,4)", "(1,2)x", "1e999,0"] {
            assert_eq!(parse_points(text), None, "{text}");
        }
    }

    #[test]
    fn test_within_needs_brackets_that_enclose_all() {
        assert_eq!(within(" ((1,2),(3,4)) ", '(', ')'), Some("(1,2),(3,4)"));
        assert_eq!(within("(1,2),(3,4)", '(', ')'), None);
        assert_eq!(within("[1,2]", '[', ']'), Some("1,2"));
    }

    #[test]
    fn test_read_counted_of_another_count_is_an_error() {
        let mut bytes = Vec::new();
        put_points(&[(1.0, 2.0)], true, &mut bytes);
        assert_eq!(read_counted(&bytes), Ok(vec![(1.0, 2.0)]));
        bytes[3] = 2;
        assert!(read_counted(&bytes).is_err());
        assert!(read_counted(&bytes[..3]).is_err());
        assert!(read_counted(&bytes[..12]).is_err());
    }
}

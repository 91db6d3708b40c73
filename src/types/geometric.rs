//! `point`, `line`, `lseg`, `box`, `path`, `polygon` and `circle`: an Arrow utf8 as the server
//! prints it with all digits; every notation of the server is accepted.
//!
//! Wire: see [`crate::wire::geometry`].

use postgres_types::Type;

use super::text_form::{TextForm, checked_by_server, not_a};
use crate::wire::geometry::{
    Point, parse_number, parse_point_and, parse_points, point_text, points_text, put_floats,
    put_points, read_counted, read_exactly, within,
};
use crate::wire::{Malformed, float_text::float8_text};

macro_rules! text_form {
    ($static:ident, $name:literal, $type:ident, $print:ident, $parse:ident) => {
        pub(super) static $static: TextForm = TextForm {
            name: $name,
            built_in: Some(Type::$type),
            print: $print,
            parse: $parse,
            check: checked_by_server,
        };
    };
}
text_form!(POINT, "point", POINT, print_point, parse_point);
text_form!(LINE, "line", LINE, print_line, parse_line);
text_form!(LSEG, "lseg", LSEG, print_lseg, parse_lseg);
text_form!(BOX, "box", BOX, print_box, parse_box);
text_form!(PATH, "path", PATH, print_path, parse_path);
text_form!(POLYGON, "polygon", POLYGON, print_polygon, parse_polygon);
text_form!(CIRCLE, "circle", CIRCLE, print_circle, parse_circle);

/// The points within brackets that may be left out.
fn points_within(text: &str, open: char, close: char) -> Option<Vec<Point>> {
    parse_points(within(text, open, close).unwrap_or(text))
}

fn two_points(text: &str) -> Option<Vec<Point>> {
    let text = within(text, '[', ']').unwrap_or(text);
    points_within(text, '(', ')').filter(|points| points.len() == 2)
}

fn print_point(cell: &[u8], out: &mut String) -> Result<(), Malformed> {
    let [x, y] = read_exactly(cell)?;
    point_text((x, y), out);
    Ok(())
}

fn parse_point(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let points = points_within(text, '(', ')').filter(|points| points.len() == 1);
    put_points(&points.ok_or_else(|| not_a("a point", "(1.5,2)"))?, false, out);
    Ok(())
}

fn print_line(cell: &[u8], out: &mut String) -> Result<(), Malformed> {
    let factors: [f64; 3] = read_exactly(cell)?;
    for (factor, before) in factors.into_iter().zip(['{', ',', ',']) {
        out.push(before);
        float8_text(factor, out);
    }
    out.push('}');
    Ok(())
}

fn parse_line(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let factors = match within(text, '{', '}') {
        Some(text) => text.split(',').map(parse_number).collect::<Option<Vec<_>>>(),
        None => two_points(text).and_then(|points| line_through(&points)),
    };
    let factors = factors.filter(|factors| factors.len() == 3);
    let factors = factors.ok_or_else(|| not_a("a line", "{1,-1,0}, for Ax + By + C = 0"))?;
    put_floats(&factors, out);
    Ok(())
}

/// The server takes coordinates for the same that differ by no more than this (`EPSILON` of
/// `src/include/utils/geo_decls.h`).
const EPSILON: f64 = 1e-6;

/// The line through two points, as `line_construct` computes it.
fn line_through(points: &[Point]) -> Option<Vec<f64>> {
    let &[(x1, y1), (x2, y2)] = points else { return None };
    let is_same = |a: f64, b: f64| (a - b).abs() <= EPSILON;
    match (is_same(x1, x2), is_same(y1, y2)) {
        (true, true) => None,
        (true, false) => Some(vec![-1.0, 0.0, x1]),
        (false, true) => Some(vec![0.0, -1.0, y1]),
        (false, false) => {
            let slope = (y1 - y2) / (x1 - x2);
            // Adding zero makes -0 to 0.
            Some(vec![slope, -1.0, y1 - slope * x1 + 0.0])
        }
    }
}

fn print_lseg(cell: &[u8], out: &mut String) -> Result<(), Malformed> {
    let [a, b, c, d] = read_exactly(cell)?;
    out.push('[');
    points_text(&[(a, b), (c, d)], out);
    out.push(']');
    Ok(())
}

fn parse_lseg(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let points = two_points(text).ok_or_else(|| not_a("a line segment", "[(1,2),(3,4)]"))?;
    put_points(&points, false, out);
    Ok(())
}

fn print_box(cell: &[u8], out: &mut String) -> Result<(), Malformed> {
    let [a, b, c, d] = read_exactly(cell)?;
    points_text(&[(a, b), (c, d)], out);
    Ok(())
}

fn parse_box(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let points = points_within(text, '(', ')').filter(|points| points.len() == 2);
    put_points(&points.ok_or_else(|| not_a("a box", "(3,4),(1,2)"))?, false, out);
    Ok(())
}

fn print_path(cell: &[u8], out: &mut String) -> Result<(), Malformed> {
    let (is_closed, points) = match cell.split_first() {
        Some((is_closed, rest)) => (*is_closed != 0, read_counted(rest)?),
        None => return Err(Malformed::length(5, 0)),
    };
    out.push(if is_closed { '(' } else { '[' });
    points_text(&points, out);
    out.push(if is_closed { ')' } else { ']' });
    Ok(())
}

fn parse_path(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let open = within(text, '[', ']');
    let points = match open {
        Some(open) => parse_points(open),
        None => points_within(text, '(', ')'),
    };
    out.push(u8::from(open.is_none()));
    put_points(&points.ok_or_else(|| not_a("a path", "[(1,2),(3,4)]"))?, true, out);
    Ok(())
}

fn print_polygon(cell: &[u8], out: &mut String) -> Result<(), Malformed> {
    let points = read_counted(cell)?;
    out.push('(');
    points_text(&points, out);
    out.push(')');
    Ok(())
}

fn parse_polygon(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let points = points_within(text, '(', ')');
    put_points(&points.ok_or_else(|| not_a("a polygon", "((1,2),(3,4),(5,6))"))?, true, out);
    Ok(())
}

fn print_circle(cell: &[u8], out: &mut String) -> Result<(), Malformed> {
    let [x, y, radius] = read_exactly(cell)?;
    out.push('<');
    point_text((x, y), out);
    out.push(',');
    float8_text(radius, out);
    out.push('>');
    Ok(())
}

fn parse_circle(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let inner = within(text, '<', '>').or_else(|| within(text, '(', ')')).unwrap_or(text);
    let circle = parse_point_and(inner).and_then(|(center, radius)| {
        let radius = parse_number(radius).filter(|radius| *radius >= 0.0 || radius.is_nan())?;
        Some([center.0, center.1, radius])
    });
    put_floats(&circle.ok_or_else(|| not_a("a circle", "<(1,2),3>"))?, out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(form: &TextForm, text: &str) -> String {
        let (mut cell, mut printed) = (Vec::new(), String::new());
        form.parse(text, &mut cell).unwrap();
        form.print(&cell, &mut printed).unwrap();
        printed
    }

    #[test]
    fn test_every_notation_is_printed_as_the_server_prints_it() {
        for (form, text, expected) in [
            (&POINT, "1.5,2", "(1.5,2)"),
            (&POINT, " ( 1e20 , -0 ) ", "(1e+20,-0)"),
            (&LINE, "{1,-1,0}", "{1,-1,0}"),
            (&LINE, "[(0,0),(1,2)]", "{2,-1,0}"),
            (&LINE, "(3,0),(3,1)", "{-1,0,3}"),
            (&LSEG, "1,2,3,4", "[(1,2),(3,4)]"),
            (&LSEG, "((1,2),(3,4))", "[(1,2),(3,4)]"),
            (&LSEG, "[(1,2),(3,4)]", "[(1,2),(3,4)]"),
            (&BOX, "((3,4),(1,2))", "(3,4),(1,2)"),
            (&PATH, "(1,2),(3,4)", "((1,2),(3,4))"),
            (&PATH, "[(1,2)]", "[(1,2)]"),
            (&PATH, "((1,2))", "((1,2))"),
            (&POLYGON, "1,2,3,4,5,6", "((1,2),(3,4),(5,6))"),
            (&CIRCLE, "<(1,2),3>", "<(1,2),3>"),
            (&CIRCLE, "((1,2),3)", "<(1,2),3>"),
            (&CIRCLE, "1,2,3", "<(1,2),3>"),
        ] {
            assert_eq!(printed(form, text), expected, "{} {text}", form.name);
        }
    }

    #[test]
    fn test_text_of_another_shape_is_an_error() {
        for (form, text) in [
            (&POINT, "1"),
            (&POINT, "(1,2),(3,4)"),
            (&LINE, "1,2,3"),
            (&LINE, "(1,2),(1,2)"),
            (&LSEG, "[(1,2)]"),
            (&BOX, "(1,2)"),
            (&PATH, ""),
            (&POLYGON, "[(1,2)]"),
            (&CIRCLE, "<(1,2),-3>"),
            (&CIRCLE, "(1,2)"),
        ] {
            assert!(form.parse(text, &mut Vec::new()).is_err(), "{} {text}", form.name);
        }
    }
}

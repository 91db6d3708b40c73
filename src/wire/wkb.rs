//! Geometries as PostGIS sends them (EWKB), and as ISO WKB, which has no SRID and marks the third and
//! fourth dimension otherwise.
//!
//! Layout: `lwgeom_to_wkb_buf` of
//! <https://github.com/postgis/postgis/blob/stable-3.5/liblwgeom/lwout_wkb.c>.

use super::Malformed;
use super::copy::take;

const HAS_Z: u32 = 0x8000_0000;
const HAS_M: u32 = 0x4000_0000;
const HAS_SRID: u32 = 0x2000_0000;
/// Collections within collections, which a valid geometry has few of.
const MAX_DEPTH: u32 = 64;

/// Appends a geometry as ISO WKB; returns its SRID, 0 for none.
///
/// # Errors
/// When the bytes are not a geometry.
pub fn to_iso(ewkb: &[u8], out: &mut Vec<u8>) -> Result<i32, Malformed> {
    let mut rest = ewkb;
    let srid = copy_geometry(&mut rest, out, MAX_DEPTH)?;
    if rest.is_empty() {
        Ok(srid)
    } else {
        Err(Malformed("a geometry with bytes left over".into()))
    }
}

fn copy_geometry(rest: &mut &[u8], out: &mut Vec<u8>, depth: u32) -> Result<i32, Malformed> {
    if depth == 0 {
        return Err(Malformed(format!("a geometry nested more than {MAX_DEPTH} times")));
    }
    let [order] = take(rest)?;
    let word = |bytes: [u8; 4]| {
        if order == 0 { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    let put = |word: u32, out: &mut Vec<u8>| {
        out.extend(if order == 0 { word.to_be_bytes() } else { word.to_le_bytes() });
    };
    let flagged = word(take(rest)?);
    let (has_z, has_m) = (flagged & HAS_Z != 0, flagged & HAS_M != 0);
    let kind = flagged & !(HAS_Z | HAS_M | HAS_SRID);
    out.push(order);
    put(kind + 1000 * u32::from(has_z) + 2000 * u32::from(has_m), out);
    let srid = if flagged & HAS_SRID == 0 { 0 } else { word(take(rest)?).cast_signed() };
    let point_bytes = 8 * (2 + usize::from(has_z) + usize::from(has_m));
    let count = |rest: &mut &[u8], out: &mut Vec<u8>| -> Result<u32, Malformed> {
        let count = word(take(rest)?);
        put(count, out);
        Ok(count)
    };
    match kind {
        1 => copy_points(1, point_bytes, rest, out)?,
        2 | 8 => {
            let points = count(rest, out)?;
            copy_points(points, point_bytes, rest, out)?;
        }
        3 | 17 => {
            for _ in 0..count(rest, out)? {
                let points = count(rest, out)?;
                copy_points(points, point_bytes, rest, out)?;
            }
        }
        4..=7 | 9..=12 | 15 | 16 => {
            for _ in 0..count(rest, out)? {
                copy_geometry(rest, out, depth - 1)?;
            }
        }
        _ => return Err(Malformed(format!("a geometry of the unknown kind {kind}"))),
    }
    Ok(srid)
}

fn copy_points(
    points: u32,
    point_bytes: usize,
    rest: &mut &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let length = (points as usize).saturating_mul(point_bytes);
    let (points, tail) =
        rest.split_at_checked(length).ok_or_else(|| Malformed::length(length, rest.len()))?;
    out.extend_from_slice(points);
    *rest = tail;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A point in little-endian order, as hexadecimal.
    fn bytes(hex: &str) -> Vec<u8> {
        let pair = |index| u8::from_str_radix(&hex[index..index + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(pair).collect()
    }

    #[test]
    fn test_to_iso_drops_the_srid_and_numbers_the_dimensions() {
        let coordinates = "000000000000f03f0000000000000040";
        let (z, empty) = ("0000000000000840", "");
        for (ewkb, coordinate, iso, srid) in [
            ("0101000000", empty, "0101000000", 0),
            ("0101000020e6100000", empty, "0101000000", 4326),
            ("01010000a0e6100000", z, "01e9030000", 4326),
            ("01010000c0", &[z, z].concat(), "01b90b0000", 0),
        ] {
            let body = [coordinates, coordinate].concat();
            let mut out = Vec::new();
            assert_eq!(to_iso(&bytes(&[ewkb, &body].concat()), &mut out), Ok(srid), "{ewkb}");
            assert_eq!(out, bytes(&[iso, &body].concat()), "{ewkb}");
        }
    }

    #[test]
    fn test_to_iso_of_cut_or_nested_bytes_is_an_error() {
        let line = bytes(
            "010200000002000000000000000000f03f000000000000004000000000000008400000000000001040",
        );
        for end in 0..line.len() {
            assert!(to_iso(&line[..end], &mut Vec::new()).is_err(), "cut at {end}");
        }
        let nested = bytes(&["01070000000100000", "001010000000"].concat().repeat(100));
        assert!(to_iso(&nested, &mut Vec::new()).is_err());
        assert!(to_iso(&bytes("01020000ffffffffff"), &mut Vec::new()).is_err());
    }
}

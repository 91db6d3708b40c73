//! PostGIS' `geometry` and `geography`: `geoarrow.wkb`, with the CRS of the column's SRID. A column
//! that declares no SRID keeps PostGIS' EWKB, in which each value has its own.
//!
//! Wire: see [`crate::wire::wkb`]. An extension's types have no fixed OID, so they are found by name.
//! The modifier: `gserialized_typmod.c` and `TYPMOD_GET_SRID` of
//! <https://github.com/postgis/postgis/blob/stable-3.5/liblwgeom/liblwgeom.h.in>.

use arrow_array::Array;
use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType, Field};
use postgres_types::{Kind, Type};

use super::decode::{binaries, bytes};
use super::encode::validity;
use super::input::slices;
use super::{CellError, ColumnType, Decode, PgType, ReadAs, nullable_field};
use crate::wire::cells::Cells;
use crate::wire::{Malformed, wkb};

/// `geometry` or `geography`.
pub struct Geometry {
    is_geography: bool,
}

/// The SRID of geographies that declare none.
const WGS84: i32 = 4326;
/// The name of the Arrow extension type.
const GEOARROW: &str = "geoarrow.wkb";

/// The codec of a type, if it is one of them.
#[must_use]
pub fn of(ty: &Type) -> Option<&'static dyn PgType> {
    match (ty.kind(), ty.name()) {
        (Kind::Simple, "geometry") => Some(&Geometry { is_geography: false }),
        (Kind::Simple, "geography") => Some(&Geometry { is_geography: true }),
        _ => None,
    }
}

impl Geometry {
    /// The SRID that all values of a column have; `None` if each has its own.
    fn srid(&self, declared: &ColumnType) -> Option<i32> {
        let typmod = declared.typmod;
        let srid = ((typmod & 0x0fff_ff00) - (typmod & 0x1000_0000)) >> 8;
        match srid {
            _ if typmod == -1 => self.is_geography.then_some(WGS84),
            0 => None,
            srid => Some(srid),
        }
    }
}

/// The EPSG code of the CRS in a field's metadata: `EPSG:4326`, or PROJJSON with an id.
fn epsg(source: &Field) -> Option<i64> {
    let metadata = source.metadata().get(EXTENSION_TYPE_METADATA_KEY)?;
    let metadata: serde_json::Value = serde_json::from_str(metadata).ok()?;
    let crs = metadata.get("crs")?;
    if let Some(code) = crs.as_str() {
        return code.strip_prefix("EPSG:")?.parse().ok();
    }
    let id = crs.get("id")?;
    (id.get("authority")?.as_str()? == "EPSG").then(|| id.get("code")?.as_i64()).flatten()
}

impl PgType for Geometry {
    fn pg_type(&self) -> Option<Type> {
        None
    }

    fn arrow(&self, declared: &ColumnType, _: &ReadAs) -> Field {
        let mut metadata = vec![(EXTENSION_TYPE_NAME_KEY.to_owned(), GEOARROW.to_owned())];
        if let Some(srid) = self.srid(declared) {
            let edges = if self.is_geography { ",\"edges\":\"spherical\"" } else { "" };
            let crs = format!("{{\"crs\":\"EPSG:{srid}\",\"crs_type\":\"authority_code\"{edges}}}");
            metadata.push((EXTENSION_TYPE_METADATA_KEY.to_owned(), crs));
        }
        nullable_field(DataType::Binary).with_metadata(metadata.into_iter().collect())
    }

    fn python_arrow_type(&self, _: &ColumnType) -> Field {
        nullable_field(DataType::Binary)
    }

    /// Another CRS than the column's would become the column's without a word.
    fn accepts(&self, declared: &ColumnType, source: &Field) -> bool {
        let is_wkb = matches!(super::extension(source), "" | GEOARROW | "ogc.wkb");
        let is_same_crs = match (epsg(source), self.srid(declared)) {
            (Some(code), Some(srid)) => code == i64::from(srid),
            (Some(_), None) => false,
            (None, _) => true,
        };
        source.data_type().is_binary() && is_wkb && is_same_crs
    }

    /// The server reads ISO WKB and EWKB, and gives values without an SRID that of the column.
    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        Ok(Cells::slices(b"", slices(array)?, validity(array)))
    }

    fn decoder(&self, declared: &ColumnType, _: &ReadAs) -> Box<dyn Decode> {
        let Some(expected) = self.srid(declared) else { return binaries() };
        bytes(false, move |cell, out| match wkb::to_iso(cell, out)? {
            srid if srid == expected || srid == 0 => Ok(()),
            srid => Err(Malformed(format!(
                "SRID {srid} in a column of SRID {expected}; convert it by ST_Transform"
            ))),
        })
    }
}

/// The modifier of a column in SQL, as in `(PointZ,4326)`; `None` if it names a kind of geometry
/// that is not known here.
#[must_use]
pub(super) fn modifier(typmod: i32) -> Option<String> {
    const KINDS: &[&str] = &[
        "Geometry",
        "Point",
        "LineString",
        "Polygon",
        "MultiPoint",
        "MultiLineString",
        "MultiPolygon",
        "GeometryCollection",
        "CircularString",
        "CompoundCurve",
        "CurvePolygon",
        "MultiCurve",
        "MultiSurface",
        "PolyhedralSurface",
        "Triangle",
        "Tin",
    ];
    let kind = KINDS.get(usize::try_from((typmod & 0xfc) >> 2).ok()?)?;
    let (z, m) = (if typmod & 2 != 0 { "Z" } else { "" }, if typmod & 1 != 0 { "M" } else { "" });
    let srid = ((typmod & 0x0fff_ff00) - (typmod & 0x1000_0000)) >> 8;
    Some(format!("({kind}{z}{m},{srid})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_modifier_names_kind_dimensions_and_srid() {
        for (typmod, expected) in [
            ((4326 << 8) | (1 << 2), "(Point,4326)"),
            ((4326 << 8) | (1 << 2) | 2, "(PointZ,4326)"),
            ((3857 << 8) | (6 << 2) | 3, "(MultiPolygonZM,3857)"),
            (4326 << 8, "(Geometry,4326)"),
        ] {
            assert_eq!(modifier(typmod).as_deref(), Some(expected));
        }
    }
}

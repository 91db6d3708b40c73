//! inet and cidr <-> the classes of Python's `ipaddress`.

use bytes::{BufMut, BytesMut};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::super::arrow_builders::{ConversionError, network};
use super::{malformed, refused_by_python};
use crate::error::Result;
use crate::types::inet::parse;
use crate::wire::inet::Network;

/// Appends an address, an interface or a network, or the text of one.
pub(super) fn encode(
    value: &Bound<'_, PyAny>,
    is_cidr: bool,
    out: &mut BytesMut,
) -> Result<(), ConversionError> {
    let mut parsed = Err("");
    network::string(value, |text| parsed = parse(text, is_cidr))?;
    let parsed = parsed.map_err(|error| ConversionError::InvalidValue(error.to_owned()))?;
    out.put_slice(&parsed.bytes(is_cidr));
    Ok(())
}

/// Decodes a cidr as a network, and an inet as an address if it is a single host, else as an interface.
pub(super) fn decode<'py>(
    py: Python<'py>,
    cell: &[u8],
    is_cidr: bool,
) -> Result<Bound<'py, PyAny>> {
    static CLASSES: [PyOnceLock<Py<PyType>>; 6] = [const { PyOnceLock::new() }; 6];
    let [address4, address6, interface4, interface6, network4, network6] = &CLASSES;
    let network = Network::read(cell).map_err(malformed)?;
    let is_ipv4 = network.address.is_ipv4();
    let (class, name) = match (is_cidr, network.is_host(), is_ipv4) {
        (true, _, true) => (network4, "IPv4Network"),
        (true, _, false) => (network6, "IPv6Network"),
        (false, true, true) => (address4, "IPv4Address"),
        (false, true, false) => (address6, "IPv6Address"),
        (false, false, true) => (interface4, "IPv4Interface"),
        (false, false, false) => (interface6, "IPv6Interface"),
    };
    let construct = || {
        let class = class.import(py, "ipaddress", name)?;
        match (is_cidr, network.is_host()) {
            (false, true) => class.call1((network.number(),)),
            _ => class.call1(((network.number(), network.prefix),)),
        }
    };
    construct().map_err(|error| refused_by_python(py, "a network address", error))
}

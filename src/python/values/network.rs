//! Network addresses, as the classes of Python's ipaddress.

use bytes::{BufMut, BytesMut};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::super::gather::{Refused, network};
use super::{malformed, unreadable};
use crate::error::Result;
use crate::types::inet::parse;
use crate::wire::inet::Network;

/// Appends an address, interface or network, or the text of one.
pub(super) fn put(
    value: &Bound<'_, PyAny>,
    is_cidr: bool,
    out: &mut BytesMut,
) -> Result<(), Refused> {
    let mut parsed = Err("");
    network::string(value, |text| parsed = parse(text, is_cidr))?;
    let parsed = parsed.map_err(|error| Refused::Unfit(error.to_owned()))?;
    out.put_slice(&parsed.bytes(is_cidr));
    Ok(())
}

/// An inet of a single host is an address, any other an interface; a cidr is a network.
pub(super) fn get<'py>(py: Python<'py>, cell: &[u8], is_cidr: bool) -> Result<Bound<'py, PyAny>> {
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
    let make = || {
        let class = class.import(py, "ipaddress", name)?;
        match (is_cidr, network.is_host()) {
            (false, true) => class.call1((network.number(),)),
            _ => class.call1(((network.number(), network.prefix),)),
        }
    };
    make().map_err(|error| unreadable(py, "a network address", error))
}

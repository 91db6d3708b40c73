//! Network addresses, as the classes of Python's ipaddress.

use bytes::{BufMut, BytesMut};
use core::net::IpAddr;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyType};

use super::super::gather::{Refused, type_name, wrong_type};
use super::unreadable;
use crate::error::Result;
use crate::wire::inet::Network;

/// An address, interface or network of ipaddress, or the text of one.
pub(super) fn put(
    value: &Bound<'_, PyAny>,
    is_cidr: bool,
    out: &mut BytesMut,
) -> Result<(), Refused> {
    let is_text = value.is_instance_of::<PyString>();
    if !is_text && !type_name(value).starts_with("ipaddress.") {
        return Err(wrong_type(value));
    }
    let text = value.str()?;
    let text = text.to_str()?;
    let network = Network::parse(text)
        .ok_or_else(|| Refused::Unfit("text that is no network address".to_owned()))?;
    out.put_slice(&network.bytes(is_cidr));
    Ok(())
}

/// An inet with a full prefix is an address, with a shorter one an interface; a cidr is a network.
pub(super) fn get<'py>(py: Python<'py>, cell: &[u8], is_cidr: bool) -> Result<Bound<'py, PyAny>> {
    static CLASSES: [PyOnceLock<Py<PyType>>; 6] = [const { PyOnceLock::new() }; 6];
    const NAMES: [&str; 6] = [
        "IPv4Address",
        "IPv6Address",
        "IPv4Interface",
        "IPv6Interface",
        "IPv4Network",
        "IPv6Network",
    ];
    let network = Network::read(cell)?;
    let place = match (is_cidr, network.is_host()) {
        (true, _) => 4,
        (false, true) => 0,
        (false, false) => 2,
    } + usize::from(network.address.is_ipv6());
    let make = || -> PyResult<Bound<'py, PyAny>> {
        let (Some(class), Some(name)) = (CLASSES.get(place), NAMES.get(place)) else {
            return Ok(py.None().into_bound(py));
        };
        let class = class.import(py, "ipaddress", name)?;
        let number = match network.address {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        };
        if place < 2 { class.call1((number,)) } else { class.call1(((number, network.prefix),)) }
    };
    make().map_err(|error| unreadable(py, "a network address", error))
}

//! Checks which user runs the server at the other end of a Unix socket (`requirepeer`).

use std::os::fd::AsFd;

use crate::error::{Error, Result};

/// Checks that the server runs as the system user of this name, as libpq does: anybody who may write to the socket's directory could
/// have put another server's socket there.
pub(super) fn check(socket: &impl AsFd, wanted: &str) -> Result<()> {
    let failed = |why: String| Error::Connection(format!("requirepeer={wanted}: {why}"));
    let uid = uid_of(socket).map_err(|error| {
        failed(format!("the system does not report the user that the server runs as: {error}"))
    })?;
    match uzers::get_user_by_uid(uid) {
        Some(user) if user.name() == wanted => Ok(()),
        Some(user) => Err(failed(format!("the server runs as \"{}\"", user.name().display()))),
        None => Err(failed(format!(
            "the server runs as the user with id {uid}, which has no name on this machine"
        ))),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn uid_of(socket: &impl AsFd) -> rustix::io::Result<u32> {
    rustix::net::sockopt::socket_peercred(socket).map(|peer| peer.uid.as_raw())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn uid_of(_socket: &impl AsFd) -> rustix::io::Result<u32> {
    Err(rustix::io::Errno::NOSYS)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn test_check_of_own_socket_accepts_own_name_only() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let name = uzers::get_user_by_uid(uzers::get_effective_uid()).unwrap();
        let name = name.name().to_str().unwrap().to_owned();
        check(&ours, &name).unwrap();
        let error = check(&ours, "nobody-at-all").unwrap_err().to_string();
        assert!(error.contains("requirepeer=nobody-at-all") && error.contains(&name), "{error}");
    }
}

//! Who runs the server at the other end of a Unix socket.

use std::os::fd::AsFd;

use crate::error::{Error, Result};

/// Checks that the server runs as a user of the system, by that user's name, as libpq does:
/// whoever may write to the socket's directory could have put a socket of his own there.
///
/// # Errors
/// When it runs as another, or the system does not tell.
pub(super) fn check(socket: &impl AsFd, wanted: &str) -> Result<()> {
    let failed = |why: String| Error::Connection(format!("requirepeer={wanted}: {why}"));
    let uid = uid_of(socket).map_err(|error| {
        failed(format!("the system does not tell as whom the server runs: {error}"))
    })?;
    match uzers::get_user_by_uid(uid) {
        Some(user) if user.name() == wanted => Ok(()),
        Some(user) => Err(failed(format!("the server runs as \"{}\"", user.name().display()))),
        None => Err(failed(format!("the server runs as user {uid}, who has no name here"))),
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
    fn test_check_of_a_socket_of_ours_knows_our_name() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let name = uzers::get_user_by_uid(uzers::get_effective_uid()).unwrap();
        let name = name.name().to_str().unwrap().to_owned();
        check(&ours, &name).unwrap();
        let error = check(&ours, "nobody-at-all").unwrap_err().to_string();
        assert!(error.contains("requirepeer=nobody-at-all") && error.contains(&name), "{error}");
    }
}

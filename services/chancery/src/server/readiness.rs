//! Telling whoever started this process that it is ready: a file, and systemd's socket.

use std::{
    fs, io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::Path,
};

use runtime::config::Environment;

use super::failure::Failure;

/// Says that the process is ready to serve `address`.
pub(super) fn tell(file: Option<&Path>, environment: &Environment, address: &str) -> Result<(), Failure> {
    if let Some(path) = file {
        let draft = path.with_extension("draft");
        fs::write(&draft, format!("{}\n{address}\n", std::process::id()))
            .and_then(|()| fs::rename(&draft, path))
            .map_err(Failure::file(path))?;
    }
    notify(environment, "READY=1").map_err(Failure::file("NOTIFY_SOCKET"))
}

/// Says that the process is about to end.
pub(super) fn end(file: Option<&Path>, environment: &Environment) {
    if let Some(path) = file {
        _ = fs::remove_file(path);
    }
    _ = notify(environment, "STOPPING=1");
}

/// sd_notify(3): a datagram to the socket that systemd named.
fn notify(environment: &Environment, state: &str) -> io::Result<()> {
    let Some(name) = environment.get("NOTIFY_SOCKET") else { return Ok(()) };
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop)
}

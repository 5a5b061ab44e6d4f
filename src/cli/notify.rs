//! Words to the supervisor that started the server, in the protocol of sd_notify(3): a datagram to the Unix socket that
//! `NOTIFY_SOCKET` names, which is what `Type=notify` of systemd waits for.

use std::{
    ffi::OsStr,
    io,
    os::unix::net::{SocketAddr, UnixDatagram},
    time::Duration,
};

use crate::config;

/// The longest time for a datagram, if the supervisor does not read.
const PATIENCE: Duration = Duration::from_secs(1);
/// The state of a server from which requests get their responses.
pub const READY: &str = "READY=1";
/// The state of a server that was told to stop.
pub const STOPPING: &str = "STOPPING=1";

/// Tells the supervisor, if there is one, the state of the server. A failure is logged, since the server can do without.
pub fn notify(state: &str) {
    let Some(name) = config::notify_socket() else { return };
    if let Err(error) = send(&name, state) {
        tracing::warn!(%error, state, "the supervisor cannot be told through NOTIFY_SOCKET");
    }
}

fn send(name: &OsStr, state: &str) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.send_to_addr(state.as_bytes(), &address(name)?).map(drop)
}

/// The address of a path; on Linux of a name in the abstract namespace (unix(7)), too, if it begins with `@`.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = name.as_encoded_bytes().strip_prefix(b"@") {
        return <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
    }
    SocketAddr::from_pathname(name)
}

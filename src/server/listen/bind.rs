//! Opening the listening sockets.

use std::{
    fs,
    io::{self, ErrorKind},
    net::SocketAddr,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, TcpStream, UnixListener};

use crate::{
    error::{Context, Error, Result},
    run,
    server::settings::{Settings, UnixSocket},
};

/// A listening socket.
#[derive(Debug)]
pub(in crate::server) enum Listener {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// Removed when the listener is dropped.
        _file: SocketFile,
    },
}

/// A connection as returned by the operating system.
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(tokio::net::UnixStream),
}

/// All listening sockets of a server, opened before it starts serving.
#[derive(Debug)]
pub(in crate::server) struct Listeners {
    /// For requests.
    pub(in crate::server) public: Vec<Listener>,
    /// For the metrics, if they have an address of their own.
    pub(in crate::server) metrics: Option<Listener>,
    pub(in crate::server) address: Option<SocketAddr>,
    pub(in crate::server) metrics_address: Option<SocketAddr>,
}

impl Listeners {
    /// Opens the sockets named in the settings; those for requests only if `with_requests`.
    ///
    /// # Errors
    /// `Conflict` if another process listens there, `Refused` if this process lacks the permission,
    /// `Failure` for an address that does not belong to this machine.
    pub(in crate::server) async fn open(settings: &Settings, with_requests: bool) -> Result<Self> {
        let mut listeners = Self {
            public: Vec::new(),
            metrics: None,
            address: None,
            metrics_address: None,
        };
        if with_requests {
            if let Some(address) = settings.listen {
                let (listener, address) = tcp(address, "--listen").await?;
                listeners.public.push(listener);
                listeners.address = Some(address);
            }
            if let Some(socket) = &settings.unix_socket {
                listeners.public.push(unix(socket)?);
            }
        }
        if let Some(address) = settings.metrics_listen {
            let (listener, address) = tcp(address, "--metrics-listen").await?;
            listeners.metrics = Some(listener);
            listeners.metrics_address = Some(address);
        }
        Ok(listeners)
    }
}

impl Listener {
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => listener
                .accept()
                .await
                .map(|(stream, address)| Accepted::Tcp(stream, address)),
            Self::Unix { listener, .. } => listener
                .accept()
                .await
                .map(|(stream, _)| Accepted::Unix(stream)),
        }
    }
}

async fn tcp(address: SocketAddr, flag: &str) -> Result<(Listener, SocketAddr)> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| not_bound(address, flag, error))?;
    let address = listener.local_addr()?;
    Ok((Listener::Tcp(listener), address))
}

fn not_bound(address: SocketAddr, flag: &str, error: io::Error) -> Error {
    let port = address.port();
    match error.kind() {
        ErrorKind::AddrInUse => Error::conflict(format!("another process listens on {address}"))
            .hint(format!("find the process: ss -ltnp 'sport = :{port}'"))
            .hint(run!["serve", flag, "127.0.0.1:0"].labeled("use a free port")),
        ErrorKind::PermissionDenied => {
            Error::refused(format!("permission denied to listen on {address}"))
                .hint("ports below 1024 are privileged: use a higher port behind a proxy")
        }
        ErrorKind::AddrNotAvailable => Error::failure(format!(
            "{} is not an address of this machine",
            address.ip()
        ))
        .hint(format!("listen on all addresses: {flag} 0.0.0.0:{port}")),
        _ => Error::failure(format!("cannot listen on {address}")).because(error),
    }
}

fn unix(socket: &UnixSocket) -> Result<Listener> {
    let path = &socket.path;
    let shown = path.display();
    remove_stale(path)?;
    let listener = UnixListener::bind(path).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => in_use(path),
        ErrorKind::PermissionDenied => {
            Error::refused(format!("permission denied to create the socket {shown}"))
                .hint("make its directory writable for the account that runs the server")
        }
        ErrorKind::NotFound => Error::not_found(format!(
            "the directory of the socket {shown} does not exist"
        ))
        .hint(format!(
            "create it: mkdir -p {}",
            shell_words::quote(&path.parent().unwrap_or(path).to_string_lossy())
        )),
        // For example a path that is too long for a socket (108 bytes).
        _ => Error::failure(format!("cannot listen on the socket {shown}")).because(error),
    })?;
    let file = SocketFile::of(path)?;
    // Until here the socket has at most the permissions that the umask leaves.
    fs::set_permissions(path, fs::Permissions::from_mode(socket.mode))
        .context(format!("cannot set the permissions of {shown}"))?;
    Ok(Listener::Unix {
        listener,
        _file: file,
    })
}

/// Removes the socket file that a killed server left behind, if no process listens on it.
fn remove_stale(path: &Path) -> Result<()> {
    let shown = path.display();
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).context(format!("cannot read {shown}")),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(
                Error::conflict(format!("{shown} already exists and is not a socket"))
                    .hint("use another path for the socket: --unix-socket FILE"),
            );
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).context(format!("cannot remove the stale socket {shown}"))
        }
        // Also a server that is too busy to answer.
        _ => Err(in_use(path)),
    }
}

fn in_use(path: &Path) -> Error {
    Error::conflict(format!(
        "another process listens on the socket {}",
        path.display()
    ))
    .hint("use another path for this server: --unix-socket FILE")
}

/// The file of a socket, removed on drop unless another server has replaced it.
#[derive(Debug)]
pub(in crate::server) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            identity: identity(path)?,
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            let _left_behind = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind as Kind;

    fn socket(path: &Path) -> UnixSocket {
        UnixSocket {
            path: path.to_owned(),
            mode: 0o600,
        }
    }

    #[tokio::test]
    async fn an_abandoned_socket_is_taken_over_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "abandoned");
        let listener = unix(&socket(&path)).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(unix(&socket(&path)).unwrap_err().kind(), Kind::Conflict);
        drop(listener);
        assert!(!path.exists(), "removed at the end");
    }

    #[tokio::test]
    async fn a_file_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        fs::write(&path, "mine").unwrap();
        assert_eq!(unix(&socket(&path)).unwrap_err().kind(), Kind::Conflict);
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        let missing = folder.path().join("no/such/folder/x.sock");
        assert_eq!(unix(&socket(&missing)).unwrap_err().kind(), Kind::NotFound);
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_told_plainly() {
        let (_listener, address) = tcp("127.0.0.1:0".parse().unwrap(), "--listen")
            .await
            .unwrap();
        let error = tcp(address, "--listen").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict);
        assert!(error.to_string().contains(&address.to_string()));
        let elsewhere = tcp("192.0.2.1:0".parse().unwrap(), "--listen").await;
        assert_eq!(elsewhere.unwrap_err().kind(), Kind::Failure);
    }
}

//! An SMTP server on loopback: the real protocol (RFC 5321, 3207, 4954), with answers that a test
//! decides.

mod dialogue;
mod received;

use std::{
    collections::VecDeque,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use dialogue::{Dialogue, Wire, encrypted};
pub use received::Received;

/// How the server is encrypted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Security {
    /// It offers nothing.
    Plain,
    /// It offers STARTTLS, and takes no mail before.
    StartTls,
    /// From the beginning.
    Tls,
}

/// Where in a dialogue something happens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    Connect,
    Mail,
    Rcpt,
    Data,
    /// The message is read, and not answered yet.
    End,
}

/// What happens there instead of the usual.
#[derive(Clone, Debug)]
pub enum Act {
    /// This answer.
    Say(&'static str),
    /// The connection ends.
    Drop,
    /// The message is taken, and the connection ends before that is said.
    TakeAndDrop,
    /// The message is taken; that is said once the gate is open.
    TakeAndHold(Arc<Gate>),
    /// The dialogue goes on once the gate is open.
    Hold(Arc<Gate>),
}

/// Something to wait at.
#[derive(Debug, Default)]
pub struct Gate {
    /// Whether somebody arrived, and whether it is open.
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Gate {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    fn arrive(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 = true;
        self.changed.notify_all();
        let patience = Duration::from_secs(60);
        let waited = self.changed.wait_timeout_while(state, patience, |s| !s.1);
        drop(waited.unwrap());
    }

    /// Waits until somebody arrived.
    pub fn wait(&self) {
        let state = self.state.lock().unwrap();
        let patience = Duration::from_secs(60);
        let waited = self.changed.wait_timeout_while(state, patience, |s| !s.0);
        assert!(!waited.unwrap().1.timed_out(), "nobody came to the gate");
    }

    pub fn open(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}

#[derive(Default)]
struct State {
    received: Mutex<Vec<Received>>,
    /// What happens next at a stage, in turn; and ever after.
    script: Mutex<VecDeque<(Stage, Act)>>,
    always: Mutex<Vec<(Stage, Act)>>,
    /// Every line that came in clear.
    in_clear: Mutex<Vec<String>>,
    connections: Mutex<u32>,
    ended: AtomicBool,
}

/// The server. It ends with the value.
pub struct SmtpServer {
    address: SocketAddr,
    state: Arc<State>,
    /// The certificate that it shows, as PEM.
    pub certificate: String,
}

/// Name and password of the one who may send.
pub const USER: (&str, &str) = ("clinics", "hunter2 with spaces");

impl SmtpServer {
    /// A server that anybody may send through.
    pub fn open() -> Self {
        Self::start(Security::Plain, false)
    }

    /// A server with that encryption, that lets [`USER`] in only, where `authenticates`.
    pub fn start(security: Security, authenticates: bool) -> Self {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let certificate = made.cert.pem();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
            .expect("a server");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let tls = Arc::new(tls);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ended.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                *shared.connections.lock().unwrap() += 1;
                let (state, tls) = (Arc::clone(&shared), Arc::clone(&tls));
                thread::spawn(move || {
                    let wire = match security {
                        Security::Tls => encrypted(stream, &tls),
                        _ => Wire::Plain(stream),
                    };
                    let dialogue = Dialogue {
                        wire,
                        state,
                        tls,
                        security,
                        authenticates,
                        user: None,
                    };
                    // The other side may go whenever it likes.
                    let _ = dialogue.run();
                });
            }
        });
        Self {
            address,
            state,
            certificate,
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What happens the next time at a stage.
    pub fn once(&self, stage: Stage, act: Act) {
        self.state.script.lock().unwrap().push_back((stage, act));
    }

    /// What happens at a stage from now on.
    pub fn always(&self, stage: Stage, act: Act) {
        let mut always = self.state.always.lock().unwrap();
        always.retain(|(other, _)| *other != stage);
        always.push((stage, act));
    }

    /// The messages that were taken, in their order.
    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// The only message that was taken.
    #[track_caller]
    pub fn only(&self) -> Received {
        let received = self.received();
        assert_eq!(received.len(), 1, "{received:#?}");
        received[0].clone()
    }

    /// Every line that came in clear.
    pub fn in_clear(&self) -> Vec<String> {
        self.state.in_clear.lock().unwrap().clone()
    }

    pub fn connections(&self) -> u32 {
        *self.state.connections.lock().unwrap()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

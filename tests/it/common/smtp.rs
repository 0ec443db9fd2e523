//! An SMTP server on loopback: the real protocol (RFC 5321, 3207, 4954), with answers that a test
//! decides.

use std::{
    collections::VecDeque,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

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

/// A message that the server took.
#[derive(Clone, Debug)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    /// With the dots of the protocol taken away.
    pub data: String,
    pub encrypted: bool,
    /// Who signed in.
    pub user: Option<String>,
}

impl Received {
    /// The value of a header, unfolded.
    #[track_caller]
    pub fn header(&self, name: &str) -> String {
        let (headers, _) = self.data.split_once("\r\n\r\n").expect("headers");
        let unfolded = headers.replace("\r\n ", " ").replace("\r\n\t", " ");
        let start = format!("{name}: ");
        let found = unfolded.lines().find_map(|line| line.strip_prefix(&start));
        found
            .unwrap_or_else(|| panic!("no {name} in {headers}"))
            .to_owned()
    }

    /// The part of that type, decoded.
    #[track_caller]
    pub fn part(&self, kind: &str) -> String {
        let boundary = self.header("Content-Type");
        let boundary = boundary.split('"').nth(1).expect("a boundary");
        let separator = format!("--{boundary}");
        let parts = self.data.split(separator.as_str());
        for part in parts {
            let Some((headers, body)) = part.split_once("\r\n\r\n") else {
                continue;
            };
            if headers.contains(&format!("Content-Type: {kind}")) {
                return match headers.contains("quoted-printable") {
                    true => unquoted(body),
                    false if headers.contains("base64") => {
                        let text = body.replace("\r\n", "");
                        String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
                    }
                    false => body.to_owned(),
                };
            }
        }
        panic!("no part {kind} in {}", self.data)
    }

    /// The token of the link in the text.
    #[track_caller]
    pub fn token(&self) -> String {
        let text = self.part("text/plain");
        let (_, after) = text.split_once("#token=").expect("a link");
        after.split_whitespace().next().expect("a token").to_owned()
    }
}

/// Quoted-printable (RFC 2045, section 6.7).
fn unquoted(body: &str) -> String {
    let joined = body.replace("=\r\n", "");
    let bytes = joined.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'=' {
            let hex = std::str::from_utf8(&bytes[at + 1..at + 3]).unwrap();
            decoded.push(u8::from_str_radix(hex, 16).unwrap());
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(decoded).unwrap()
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

enum Wire {
    Plain(TcpStream),
    Encrypted(Box<StreamOwned<ServerConnection, TcpStream>>),
    Gone,
}

fn encrypted(stream: TcpStream, tls: &Arc<ServerConfig>) -> Wire {
    let connection = ServerConnection::new(Arc::clone(tls)).expect("a TLS connection");
    Wire::Encrypted(Box::new(StreamOwned::new(connection, stream)))
}

impl Wire {
    fn byte(&mut self) -> std::io::Result<u8> {
        let mut byte = [0];
        match self {
            Self::Plain(stream) => stream.read_exact(&mut byte)?,
            Self::Encrypted(stream) => stream.read_exact(&mut byte)?,
            Self::Gone => return Err(std::io::ErrorKind::NotConnected.into()),
        }
        Ok(byte[0])
    }

    fn write(&mut self, text: &str) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(text.as_bytes()),
            Self::Encrypted(stream) => {
                stream.write_all(text.as_bytes())?;
                stream.flush()
            }
            Self::Gone => Err(std::io::ErrorKind::NotConnected.into()),
        }
    }

    fn is_encrypted(&self) -> bool {
        matches!(self, Self::Encrypted(_))
    }
}

/// What a dialogue ends with, whose end was scripted.
fn ended() -> std::io::Error {
    std::io::ErrorKind::ConnectionAborted.into()
}

struct Dialogue {
    wire: Wire,
    state: Arc<State>,
    tls: Arc<ServerConfig>,
    security: Security,
    authenticates: bool,
    user: Option<String>,
}

impl Dialogue {
    fn run(mut self) -> std::io::Result<()> {
        if self.act(Stage::Connect)? {
            return Ok(());
        }
        self.say("220 mail.example ESMTP")?;
        let (mut from, mut to) = (String::new(), Vec::new());
        loop {
            let line = self.line()?;
            let verb = line.split([' ', ':']).next().unwrap_or_default();
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.greet()?,
                "HELO" => self.say("250 mail.example")?,
                "NOOP" | "RSET" => self.say("250 2.0.0 fine")?,
                "QUIT" => {
                    self.say("221 2.0.0 bye")?;
                    return Ok(());
                }
                "STARTTLS" if self.security == Security::StartTls => {
                    self.say("220 2.0.0 go ahead")?;
                    self.wire = match std::mem::replace(&mut self.wire, Wire::Gone) {
                        Wire::Plain(stream) => encrypted(stream, &self.tls),
                        other => other,
                    };
                }
                "AUTH" => self.sign_in(&line)?,
                "MAIL" if self.security == Security::StartTls && !self.wire.is_encrypted() => {
                    self.say("530 5.7.0 must issue a STARTTLS command first")?;
                }
                "MAIL" if self.authenticates && self.user.is_none() => {
                    self.say("530 5.7.0 authentication required")?;
                }
                "MAIL" => {
                    from = address(&line);
                    to.clear();
                    if !self.act(Stage::Mail)? {
                        self.say("250 2.1.0 ok")?;
                    }
                }
                "RCPT" => {
                    to.push(address(&line));
                    if !self.act(Stage::Rcpt)? {
                        self.say("250 2.1.5 ok")?;
                    }
                }
                "DATA" => {
                    if !self.act(Stage::Data)? {
                        self.say("354 go on")?;
                        let data = self.data()?;
                        let message = Received {
                            from: from.clone(),
                            to: to.clone(),
                            data,
                            encrypted: self.wire.is_encrypted(),
                            user: self.user.clone(),
                        };
                        self.end(message)?;
                    }
                }
                _ => self.say("500 5.5.2 what?")?,
            }
        }
    }

    fn greet(&mut self) -> std::io::Result<()> {
        let mut lines = vec!["mail.example", "8BITMIME"];
        if self.security == Security::StartTls && !self.wire.is_encrypted() {
            lines.push("STARTTLS");
        }
        if self.authenticates && (self.security != Security::StartTls || self.wire.is_encrypted()) {
            lines.push("AUTH PLAIN");
        }
        let (last, first) = lines.split_last().expect("lines");
        let mut text: String = first.iter().map(|line| format!("250-{line}\r\n")).collect();
        text.push_str(&format!("250 {last}\r\n"));
        self.wire.write(&text)
    }

    fn sign_in(&mut self, line: &str) -> std::io::Result<()> {
        let initial = line.split(' ').nth(2).unwrap_or_default();
        let decoded = STANDARD.decode(initial).unwrap_or_default();
        let decoded = String::from_utf8_lossy(&decoded).into_owned();
        let mut parts = decoded.split('\0').skip(1);
        if (parts.next(), parts.next()) == (Some(USER.0), Some(USER.1)) {
            self.user = Some(USER.0.to_owned());
            return self.say("235 2.7.0 welcome");
        }
        self.say("535 5.7.8 authentication credentials invalid")
    }

    /// What the script says of this stage. `true`: it was answered.
    fn act(&mut self, stage: Stage) -> std::io::Result<bool> {
        match self.scripted(stage) {
            None => Ok(false),
            Some(Act::Say(answer)) => {
                self.say(answer)?;
                Ok(true)
            }
            Some(Act::Hold(gate)) => {
                gate.arrive();
                Ok(false)
            }
            Some(_) => Err(ended()),
        }
    }

    fn scripted(&self, stage: Stage) -> Option<Act> {
        let mut script = self.state.script.lock().unwrap();
        if let Some(at) = script.iter().position(|(of, _)| *of == stage) {
            return script.remove(at).map(|(_, act)| act);
        }
        let always = self.state.always.lock().unwrap();
        let found = always.iter().find(|(of, _)| *of == stage);
        found.map(|(_, act)| act.clone())
    }

    fn end(&mut self, message: Received) -> std::io::Result<()> {
        let act = self.scripted(Stage::End);
        let is_taken = matches!(
            act,
            None | Some(Act::TakeAndDrop | Act::TakeAndHold(_) | Act::Hold(_))
        );
        if is_taken {
            self.state.received.lock().unwrap().push(message);
        }
        match act {
            None => self.say("250 2.0.0 queued"),
            Some(Act::Say(answer)) => self.say(answer),
            Some(Act::TakeAndHold(gate) | Act::Hold(gate)) => {
                gate.arrive();
                self.say("250 2.0.0 queued")
            }
            Some(Act::Drop | Act::TakeAndDrop) => Err(ended()),
        }
    }

    fn data(&mut self) -> std::io::Result<String> {
        let mut data = String::new();
        loop {
            let line = self.line()?;
            if line == "." {
                return Ok(data);
            }
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push_str("\r\n");
        }
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        loop {
            match self.wire.byte()? {
                b'\n' => break,
                byte => line.push(byte),
            }
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        let line = String::from_utf8(line).expect("UTF-8");
        if !self.wire.is_encrypted() {
            self.state.in_clear.lock().unwrap().push(line.clone());
        }
        Ok(line)
    }

    fn say(&mut self, answer: &str) -> std::io::Result<()> {
        self.wire.write(&format!("{answer}\r\n"))
    }
}

/// The address between the brackets.
fn address(line: &str) -> String {
    let inside = line.split(['<', '>']).nth(1);
    inside.unwrap_or_default().to_owned()
}

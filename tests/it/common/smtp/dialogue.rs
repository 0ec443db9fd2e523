//! The protocol, from the greeting to QUIT.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Act, Received, Security, Stage, State, USER};

/// What a dialogue goes over.
pub(super) enum Wire {
    Plain(TcpStream),
    Encrypted(Box<StreamOwned<ServerConnection, TcpStream>>),
    Gone,
}

pub(super) fn encrypted(stream: TcpStream, tls: &Arc<ServerConfig>) -> Wire {
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

/// One connection of a client.
pub(super) struct Dialogue {
    pub(super) wire: Wire,
    pub(super) state: Arc<State>,
    pub(super) tls: Arc<ServerConfig>,
    pub(super) security: Security,
    pub(super) authenticates: bool,
    pub(super) user: Option<String>,
}

impl Dialogue {
    pub(super) fn run(mut self) -> std::io::Result<()> {
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

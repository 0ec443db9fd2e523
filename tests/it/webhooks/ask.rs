//! One request and its answer, in this process or over a socket.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use axum::{
    body::{Body, to_bytes},
    http::{Request, Response},
};
use serde_json::Value;

use crate::serve::{PATIENCE, parse};

/// A request as a provider sends it.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: &'static str,
    /// The path, and the query where there is one.
    pub target: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// What was answered; status 0 over a socket where nothing was.
#[derive(Clone, Debug)]
pub struct Told {
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

impl Ask {
    pub fn get(target: impl Into<String>) -> Self {
        Self {
            method: "GET",
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub fn post(target: impl Into<String>, body: impl AsRef<[u8]>) -> Self {
        Self {
            method: "POST",
            body: body.as_ref().to_vec(),
            ..Self::get(target)
        }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref().to_vec();
        self.headers.push((name.to_owned(), value));
        self
    }

    /// For a router in this process.
    pub fn request(&self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(&self.target);
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value.as_slice());
        }
        request.body(self.body.clone().into()).unwrap()
    }

    /// Sends it to a server; a connection that breaks is no answer.
    pub fn over(&self, address: SocketAddr) -> Told {
        let answer = self.exchange(address).unwrap_or_default();
        let text = String::from_utf8_lossy(&answer);
        let (status, body) = parse(&text);
        let content_type = text
            .lines()
            .find_map(|line| line.strip_prefix("content-type: "))
            .unwrap_or_default();
        Told {
            status,
            content_type: content_type.to_owned(),
            body,
        }
    }

    fn exchange(&self, address: SocketAddr) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut bytes = format!(
            "{} {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.method,
            self.target,
            self.body.len()
        )
        .into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        // A body that is refused unread is answered before it is all sent.
        let _refused = stream.write_all(&bytes);
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(error) if answer.is_empty() => Err(error),
            _ => Ok(answer),
        }
    }
}

impl Told {
    pub async fn read(response: Response<Body>) -> Self {
        let status = response.status().as_u16();
        let content_type = response.headers().get("content-type");
        let content_type = content_type.map_or("", |value| value.to_str().unwrap());
        let content_type = content_type.to_owned();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Self {
            status,
            content_type,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The value of a `<Parameter>` of TwiML.
    #[track_caller]
    pub fn parameter(&self, name: &str) -> String {
        let before = format!("<Parameter name=\"{name}\" value=\"");
        let rest = self.body.split_once(&before);
        let (_, rest) = rest.unwrap_or_else(|| panic!("no {name} in {}", self.body));
        rest.split('"').next().unwrap().to_owned()
    }
}

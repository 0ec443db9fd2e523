//! Load for `tenantctl serve`, and what it is set beside: see `benches/serve`.
//!
//! ```text
//! serve_load bare URL                              answers as URL does, from a bare axum handler
//! serve_load get CONNECTIONS SECONDS URL           prints answers in a second
//! serve_load events CONNECTIONS SECONDS URL...     the same of signed events, to these in turns
//! serve_load paced CONNECTIONS SECONDS RATE URL... prints p50 and p99 in ms, and the rate
//! serve_load mixed CONNECTIONS REQUESTS URL URL... asks the first, and sends every 20th as an event
//! ```
//!
//! Events are Retell's, each of a call of its own, signed with `BENCH_KEY`. Anything but 200 ends it.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)]

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use axum::{
    Router,
    http::{HeaderMap, HeaderName, HeaderValue},
    routing::get,
};
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime,
    task::JoinSet,
};
use url::Url;

/// Of so many requests of a mixed load, one is an event.
const EVENT_EVERY: u64 = 20;

fn main() {
    // cargo bench adds --bench.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|one| one != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // Without arguments, as under `cargo test --benches`: nothing to measure.
    let Some((kind, rest)) = words.split_first() else {
        return;
    };
    if *kind == "bare" {
        // As `#[tokio::main]` makes it.
        let runtime = runtime::Runtime::new().unwrap();
        return runtime.block_on(bare(rest[0]));
    }
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(load(kind, rest));
}

async fn load(kind: &str, rest: &[&str]) {
    let connections: u64 = rest[0].parse().unwrap();
    let amount: u64 = rest[1].parse().unwrap();
    let seconds = Duration::from_secs(amount);
    match kind {
        "get" => {
            let answers = closed(connections, &rest[2..], seconds, false).await;
            println!("{}", answers as f64 / seconds.as_secs_f64());
        }
        "events" => {
            let answers = closed(connections, &rest[2..], seconds, true).await;
            println!("{}", answers as f64 / seconds.as_secs_f64());
        }
        "paced" => paced(connections, seconds, rest[2].parse().unwrap(), &rest[3..]).await,
        "mixed" => mixed(connections, amount, rest[2], &rest[3..]).await,
        _ => panic!("{kind}"),
    }
}

/// Each connection asks again as soon as it is answered.
async fn closed(connections: u64, urls: &[&str], time: Duration, events: bool) -> u64 {
    let end = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for number in 0..connections {
        let url = turn(urls, number);
        let mut sender = Sender::new(&url, number);
        let question = question(&url);
        let mut client = Client::open(&url).await;
        tasks.spawn(async move {
            let mut answers = 0;
            while Instant::now() < end {
                match events {
                    true => client.ask(sender.next()).await,
                    false => client.ask(&question).await,
                }
                answers += 1;
            }
            answers
        });
    }
    tasks.join_all().await.into_iter().sum()
}

/// Events come at a fixed pace, whether or not the ones before are answered: what waits for a
/// connection is late, and that counts.
async fn paced(connections: u64, time: Duration, rate: f64, urls: &[&str]) {
    let begin = Instant::now() + Duration::from_millis(200);
    let mut tasks = JoinSet::new();
    for number in 0..connections {
        let url = turn(urls, number);
        let mut sender = Sender::new(&url, number);
        let mut client = Client::open(&url).await;
        tasks.spawn(async move {
            let mut late = Vec::new();
            for at in (number..).step_by(usize::try_from(connections).unwrap()) {
                let after = Duration::from_secs_f64(at as f64 / rate);
                if after >= time {
                    break;
                }
                let due = begin + after;
                tokio::time::sleep_until(due.into()).await;
                client.ask(sender.next()).await;
                late.push(due.elapsed());
            }
            late
        });
    }
    let mut late = tasks.join_all().await.concat();
    late.sort_unstable();
    let took = begin.elapsed().as_secs_f64();
    let part = |of: usize| late[late.len() * of / 1000].as_secs_f64() * 1000.0;
    println!("{} {} {}", part(500), part(990), late.len() as f64 / took);
}

async fn mixed(connections: u64, requests: u64, asked: &str, urls: &[&str]) {
    let begun = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for number in 0..connections {
        let url = turn(urls, number);
        let mut sender = Sender::new(&url, number);
        let question = question(&Url::parse(asked).unwrap());
        let mut client = Client::open(&url).await;
        let next = Arc::clone(&next);
        tasks.spawn(async move {
            loop {
                match next.fetch_add(1, Ordering::Relaxed) {
                    at if at >= requests => return,
                    at if at % EVENT_EVERY == 0 => client.ask(sender.next()).await,
                    _ => client.ask(&question).await,
                }
            }
        });
    }
    tasks.join_all().await;
    println!("{}", requests as f64 / begun.elapsed().as_secs_f64());
}

fn turn(urls: &[&str], number: u64) -> Url {
    let at = usize::try_from(number).unwrap() % urls.len();
    Url::parse(urls[at]).unwrap()
}

fn authority(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
}

fn question(url: &Url) -> Vec<u8> {
    let target = &url[url::Position::BeforePath..];
    format!("GET {target} HTTP/1.1\r\nhost: {}\r\n\r\n", authority(url)).into()
}

/// A connection that is kept.
struct Client {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Client {
    async fn open(url: &Url) -> Self {
        let stream = TcpStream::connect(authority(url)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            answer: Vec::with_capacity(4096),
        }
    }

    /// Asks, and reads the whole answer.
    async fn ask(&mut self, request: &[u8]) {
        let (_, length) = self.exchange(request).await;
        assert_eq!(self.answer.len(), length, "more than one answer");
    }

    /// Where the body begins, and where it ends.
    async fn exchange(&mut self, request: &[u8]) -> (usize, usize) {
        self.stream.write_all(request).await.unwrap();
        self.answer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.answer).await.unwrap();
            assert!(read > 0, "the connection was closed");
            let Some(head) = memchr::memmem::find(&self.answer, b"\r\n\r\n") else {
                continue;
            };
            let text = std::str::from_utf8(&self.answer[..head]).unwrap();
            assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
            let (_, length) = text.split_once("content-length: ").unwrap();
            let digits = length.bytes().take_while(u8::is_ascii_digit).count();
            let end = head + 4 + length[..digits].parse::<usize>().unwrap();
            if self.answer.len() >= end {
                return (head + 4, end);
            }
        }
    }
}

/// Makes signed events, each of a call of its own.
struct Sender {
    head: String,
    call: String,
    /// Each organization's own: the script registers it.
    agent: String,
    calls: u64,
    key: Hmac<Sha256>,
    request: Vec<u8>,
}

impl Sender {
    fn new(url: &Url, number: u64) -> Self {
        let key = std::env::var("BENCH_KEY").unwrap_or_default();
        Self {
            head: format!(
                "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
                 user-agent: axios/1.7.2\r\n",
                url.path(),
                authority(url)
            ),
            call: format!("call_{}_{number}", milliseconds()),
            agent: format!("agent_{}", url.path().rsplit('/').next().unwrap()),
            calls: 0,
            key: Hmac::new_from_slice(key.as_bytes()).unwrap(),
            request: Vec::new(),
        }
    }

    fn next(&mut self) -> &[u8] {
        self.calls += 1;
        let body = format!(
            r#"{{"event":"call_ended","call":{{"call_type":"phone_call","call_id":"{}_{}","agent_id":"{}",{REST}}}}}"#,
            self.call, self.calls, self.agent
        );
        let time = milliseconds().to_string();
        let mut mac = self.key.clone();
        mac.update(body.as_bytes());
        mac.update(time.as_bytes());
        let mut digest = String::with_capacity(64);
        for byte in mac.finalize().into_bytes() {
            write!(digest, "{byte:02x}").unwrap();
        }
        self.request.clear();
        for part in [
            &self.head,
            "x-retell-signature: v=",
            &time,
            ",d=",
            &digest,
            "\r\ncontent-length: ",
            &body.len().to_string(),
            "\r\n\r\n",
            &body,
        ] {
            self.request.extend_from_slice(part.as_bytes());
        }
        &self.request
    }
}

/// What else is known of a call.
const REST: &str = r#""direction":"inbound","from_number":"+41441234567","to_number":"+41447654321","start_timestamp":1714608475945,"end_timestamp":1714608491736,"duration_ms":15791,"disconnection_reason":"user_hangup","call_status":"ended","retell_llm_dynamic_variables":{"language":"de-CH"},"transcript":"Agent: Harbor Clinic, good morning. How may I help?\nUser: Good morning, I should like to move my appointment of Thursday.\nAgent: Of course. May I have your date of birth?\nUser: The third of March, nineteen eighty.\nAgent: Thank you. There is Friday at nine, or Monday at half past two.\nUser: Friday at nine, please.\nAgent: That is done. Is there anything else?\nUser: No, thank you. Goodbye.","opt_out_sensitive_data_storage":false,"latency":{"e2e":{"p50":800,"p90":1200,"p95":1500,"p99":2500}}"#;

fn milliseconds() -> u128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_millis()
}

/// Serves the answer of that URL, head and body, for ever.
async fn bare(url: &str) {
    let url = Url::parse(url).unwrap();
    let mut client = Client::open(&url).await;
    let (begin, end) = client.exchange(&question(&url)).await;
    let head = std::str::from_utf8(&client.answer[..begin]).unwrap();
    let headers: HeaderMap = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(name, _)| !["content-length", "date"].contains(name))
        .map(|(name, value)| {
            let name = HeaderName::try_from(name).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        })
        .collect();
    let body = Bytes::copy_from_slice(&client.answer[begin..end]);
    let answer = move || {
        let answer = (headers.clone(), body.clone());
        async move { answer }
    };
    let router = Router::new().route(url.path(), get(answer));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    println!("http://{address}{}", &url[url::Position::BeforePath..]);
    axum::serve(listener, router).await.unwrap();
}

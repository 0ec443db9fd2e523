//! Metrics in the text format of Prometheus (OpenMetrics).

use std::sync::{Mutex, PoisonError};

use axum::http::Method;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::Histogram,
    },
    registry::Registry,
};

use crate::{domain::ChannelKind, services::webhooks::Receipt};

/// The media type of [`Metrics::text`].
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// In seconds. Providers time out after 10 or 15.
const DURATIONS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 15.0];

/// The metrics of one server. No label contains a value chosen by a client: that would allow any
/// number of series, and the value may be a secret.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, Durations>,
    refusals: Family<RefusalLabels, Counter>,
    cached: Family<CacheLabels, Counter>,
    /// Requests in progress.
    pub in_flight: Gauge,
    /// Connected clients.
    pub connections: Gauge,
    /// 1 while change notifications are received, 0 while not connected.
    pub listening: Gauge,
    events: Family<EventLabels, Counter>,
    queues: Family<QueueLabels, Gauge>,
    pool: Family<PoolLabels, Gauge>,
    panics: Counter,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RefusalLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct CacheLabels {
    cache: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct EventLabels {
    channel: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct QueueLabels {
    queue: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct PoolLabels {
    state: &'static str,
}

#[derive(Clone, Debug)]
struct Durations;

impl MetricConstructor<Histogram> for Durations {
    fn new_metric(&self) -> Histogram {
        Histogram::new(DURATIONS)
    }
}

impl Metrics {
    pub(super) fn new() -> Self {
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("tenantctl")),
            requests: Family::default(),
            durations: Family::new_with_constructor(Durations),
            refusals: Family::default(),
            cached: Family::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            listening: Gauge::default(),
            events: Family::default(),
            queues: Family::default(),
            pool: Family::default(),
            panics: Counter::default(),
        };
        metrics.register(|registry| metrics.enter(registry));
        metrics
    }

    fn enter(&self, registry: &mut Registry) {
        registry.register(
            "http_requests",
            "Requests answered, by method, route and status",
            self.requests.clone(),
        );
        registry.register(
            "http_request_seconds",
            "Time from the head of a request to its response",
            self.durations.clone(),
        );
        registry.register(
            "http_refusals",
            "Requests and connections refused, by reason",
            self.refusals.clone(),
        );
        registry.register(
            "http_in_flight",
            "Requests in progress",
            self.in_flight.clone(),
        );
        registry.register(
            "http_connections",
            "Connected clients",
            self.connections.clone(),
        );
        registry.register(
            "cache_requests",
            "Configuration cache lookups",
            self.cached.clone(),
        );
        registry.register(
            "configuration_listening",
            "Whether configuration change notifications are received (1) or not (0)",
            self.listening.clone(),
        );
        registry.register(
            "webhook_events",
            "Events received and processed, by channel and result",
            self.events.clone(),
        );
        registry.register(
            "queue_depth",
            "Background jobs, by queue and state",
            self.queues.clone(),
        );
        registry.register(
            "database_connections",
            "Database connections",
            self.pool.clone(),
        );
        registry.register("panics", "Panics (internal errors)", self.panics.clone());
    }

    /// Adds metrics of a part of the server. Their labels must not contain values chosen by a client.
    pub fn register(&self, enter: impl FnOnce(&mut Registry)) {
        // A panic in an encoder cannot leave a registry half-changed.
        enter(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Counts a request refused before or after it was parsed. The reason is one of a fixed set of
    /// words.
    pub fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&RefusalLabels { reason }).inc();
    }

    /// Counts the events received with a request.
    pub(super) fn received(&self, channel: ChannelKind, receipt: &Receipt) {
        let channel = channel.as_str();
        let count = |result, number| {
            if number > 0 {
                let labels = EventLabels { channel, result };
                self.events.get_or_create(&labels).inc_by(number);
            }
        };
        count("stored", receipt.stored);
        count("duplicate", receipt.duplicates);
        count("quarantined", receipt.quarantined);
    }

    /// Counts an event processed by a worker: `done`, `failed` or `dead`.
    pub(super) fn processed(&self, result: &'static str) {
        let labels = EventLabels {
            channel: "any",
            result,
        };
        self.events.get_or_create(&labels).inc();
    }

    /// Sets the number of jobs in a queue with a state such as `ready` or `dead`.
    pub fn queue_depth(&self, queue: &'static str, state: &'static str, depth: i64) {
        self.queues
            .get_or_create(&QueueLabels { queue, state })
            .set(depth);
    }

    /// Sets the number of database connections in use and idle.
    pub(super) fn database_connections(&self, used: usize, idle: usize) {
        for (state, count) in [("used", used), ("idle", idle)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.pool.get_or_create(&PoolLabels { state }).set(count);
        }
    }

    pub(super) fn answered(&self, method: &Method, route: &str, status: u16, seconds: f64) {
        let route = RouteLabels {
            route: route.to_owned(),
        };
        self.durations.get_or_create(&route).observe(seconds);
        self.requests
            .get_or_create(&RequestLabels {
                method: method_label(method),
                route: route.route,
                status,
            })
            .inc();
    }

    pub(super) fn looked_up(&self, cache: &'static str, hit: bool) {
        let result = if hit { "hit" } else { "miss" };
        self.cached
            .get_or_create(&CacheLabels { cache, result })
            .inc();
    }

    pub(super) fn panicked(&self) {
        self.panics.inc();
    }

    pub(super) fn text(&self) -> std::result::Result<String, std::fmt::Error> {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// Returns the label of a method; a client can send any text as the method.
pub(super) fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A gauge that is incremented until this guard is dropped.
#[derive(Debug)]
pub(super) struct Counted(Gauge<i64>);

impl Counted {
    pub(super) fn one(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

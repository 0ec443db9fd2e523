//! Routing.

use axum::{
    Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use tower::layer::layer_fn;

use super::{
    health, metrics::MEDIA_TYPE, middleware::RequestMiddleware, problem::Problem, public,
    state::ServerState, webhooks,
};

/// Returns the router of all public routes.
pub fn router(state: ServerState) -> Router {
    let mut routes = health_routes();
    if state.settings.public_metrics && state.settings.metrics_listen.is_none() {
        routes = routes.merge(metrics_routes());
    }
    finished(routes.merge(webhook_routes()).merge(public_routes()), state)
}

/// Returns the router of the metrics address.
pub(super) fn metrics_router(state: ServerState) -> Router {
    finished(health_routes().merge(metrics_routes()), state)
}

fn health_routes() -> Router<ServerState> {
    Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
}

fn metrics_routes() -> Router<ServerState> {
    Router::new().route("/metrics", get(metrics))
}

/// `GET /metrics`
async fn metrics(State(state): State<ServerState>) -> Response {
    let size = state.pool.size();
    state.metrics.database_connections(size.used, size.idle);
    match state.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response(),
        Err(_) => Problem::internal().into_response(),
    }
}

/// `/webhooks/{endpoint}`: the webhook receivers of the channels.
fn webhook_routes() -> Router<ServerState> {
    webhooks::routes()
}

/// `/api/public/…`: requests of a website's visitors, without a login.
fn public_routes() -> Router<ServerState> {
    public::routes()
}

fn finished(routes: Router<ServerState>, state: ServerState) -> Router {
    let middleware_state = state.clone();
    routes
        .fallback(async || Problem::not_found())
        .layer(layer_fn(move |route| {
            RequestMiddleware::new(middleware_state.clone(), route)
        }))
        .with_state(state)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{
        body::{Body, to_bytes},
        http::{Request, StatusCode},
    };
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;
    use crate::{
        config::ServerSection,
        db::{Authority, ConnectSettings, Pool, PoolSettings},
        domain::Actor,
        error::Error,
        server::{
            inputs::{Roles, Server},
            limits::read_body,
            settings::Settings,
        },
        stop::Stopper,
        system::Clock,
    };

    /// State of a server without a database.
    fn state(section: &ServerSection) -> (ServerState, Stopper) {
        let (stopper, stop) = Stopper::new();
        let pool = Pool::new(PoolSettings {
            connect: ConnectSettings {
                url: "postgres://u:hunter2@localhost/db?host=/nonexistent".into(),
                authority: Authority::Owner,
                connect_timeout: Duration::from_secs(1),
                statement_timeout: None,
                pooled: None,
            },
            max_connections: 1,
            wait: Duration::from_millis(100),
        });
        let actor = Actor::Operator {
            name: "test".to_owned(),
        };
        let settings = Settings::of(section).unwrap();
        let server = Server {
            settings,
            roles: Roles {
                requests: true,
                work: true,
            },
            pool: pool.unwrap(),
            owner: None,
            tenant_url: None,
            clock: Clock::System,
            actor,
            keys: None,
            sign_up_secrets: Vec::new(),
            mail_workers: Vec::new(),
        };
        let state = ServerState::new(&server, stop);
        (state, stopper)
    }

    async fn body(state: State<ServerState>, request: Request<Body>) -> Response {
        let (parts, body) = request.into_parts();
        let most = state.settings.limits.body;
        match read_body(&state, &parts.headers, body, most).await {
            Ok(bytes) => bytes.len().to_string().into_response(),
            Err(problem) => problem.into_response(),
        }
    }

    fn mistaken() -> Router<ServerState> {
        Router::new()
            .route(
                "/panic",
                get(async || -> () { panic!("the body was hunter2") }),
            )
            .route(
                "/database",
                get(async || Problem::from(Error::unavailable("hunter2"))),
            )
            .route(
                "/slow",
                get(async || tokio::time::sleep(Duration::from_secs(600)).await),
            )
            .route("/body", axum::routing::post(body))
    }

    async fn ask(router: &Router, request: Request<Body>) -> (StatusCode, Value) {
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        assert!(response.headers().contains_key("x-request-id"));
        let bytes = to_bytes(response.into_body(), 100_000).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    fn get_request(path: &str) -> Request<Body> {
        Request::get(path).body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_and_the_server_lives_on() {
        let (state, _stopper) = state(&ServerSection::default());
        let router = finished(mistaken().merge(health_routes()), state.clone());
        let (status, problem) = ask(&router, get_request("/panic")).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(problem["code"], "internal");
        assert!(problem["request_id"].is_string());
        assert_eq!(
            ask(&router, get_request("/healthz")).await.0,
            StatusCode::OK
        );
        assert!(
            state
                .metrics
                .text()
                .unwrap()
                .contains("tenantctl_panics_total 1")
        );
    }

    #[tokio::test]
    async fn what_is_not_there_or_not_allowed_is_a_problem_too() {
        let (state, _stopper) = state(&ServerSection::default());
        let router = router(state);
        let (status, problem) = ask(&router, get_request("/panic")).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(problem["code"], "not_found");
        let post = Request::post("/healthz").body(Body::empty()).unwrap();
        let (status, problem) = ask(&router, post).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(problem["code"], "method_not_allowed");
    }

    #[tokio::test]
    async fn without_a_database_it_is_alive_and_not_ready() {
        let (state, stopper) = state(&ServerSection::default());
        let router = finished(mistaken().merge(health_routes()), state);
        assert_eq!(
            ask(&router, get_request("/healthz")).await.0,
            StatusCode::OK
        );
        for path in ["/readyz", "/database"] {
            let (status, problem) = ask(&router, get_request(path)).await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert_eq!(problem["code"], "unavailable");
        }
        stopper.stop();
        let (_, problem) = ask(&router, get_request("/readyz")).await;
        assert_eq!(problem["code"], "stopping");
    }

    #[tokio::test]
    async fn a_body_is_as_large_as_it_may_be_whatever_it_says_of_itself() {
        let section = ServerSection {
            max_body_bytes: 1_024,
            ..ServerSection::default()
        };
        let (state, _stopper) = state(&section);
        let router = finished(mistaken(), state.clone());
        let post = |body: Body, length: Option<usize>| {
            let mut request = Request::post("/body");
            if let Some(length) = length {
                request = request.header("content-length", length);
            }
            request.body(body).unwrap()
        };
        let fits = ask(&router, post("x".repeat(1_024).into(), None)).await;
        assert_eq!(fits, (StatusCode::OK, Value::from(1_024)));
        for too_large in [
            post("x".repeat(1_025).into(), None),
            post("x".into(), Some(1_025)),
            post("x".into(), Some(usize::MAX)),
        ] {
            let (status, problem) = ask(&router, too_large).await;
            assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
            assert_eq!(problem["code"], "too_large");
        }
        let counted = "tenantctl_http_refusals_total{reason=\"body_too_large\"} 3";
        assert!(state.metrics.text().unwrap().contains(counted));
    }

    #[tokio::test]
    async fn what_takes_too_long_is_answered_all_the_same() {
        let section = ServerSection {
            request_seconds: 1,
            ..ServerSection::default()
        };
        let (state, _stopper) = state(&section);
        let router = finished(mistaken(), state);
        let (status, _) = ask(&router, get_request("/slow")).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn metrics_have_routes_and_no_paths() {
        let section = ServerSection {
            public_metrics: true,
            ..ServerSection::default()
        };
        let (state, _stopper) = state(&section);
        let router = router(state);
        ask(&router, get_request("/healthz?token=secret")).await;
        ask(&router, get_request("/secret/path")).await;
        let (status, text) = ask(&router, get_request("/metrics")).await;
        assert_eq!(status, StatusCode::OK);
        let text = text.as_str().unwrap();
        for series in [
            r#"tenantctl_http_requests_total{method="GET",route="/healthz",status="200"} 1"#,
            r#"tenantctl_http_requests_total{method="GET",route="unmatched",status="404"} 1"#,
            r#"tenantctl_database_connections{state="used"} 0"#,
            "tenantctl_http_in_flight 1",
        ] {
            assert!(text.contains(series), "{series}\n{text}");
        }
        assert!(!text.contains("secret"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }

    #[tokio::test]
    async fn metrics_are_not_public_unless_asked_for() {
        let (state, _stopper) = state(&ServerSection::default());
        let router = router(state);
        let unknown = ask(&router, get_request("/no/such/path")).await;
        let mut metrics = ask(&router, get_request("/metrics")).await;
        metrics.1["request_id"] = unknown.1["request_id"].clone();
        assert_eq!(metrics, unknown);
    }

    #[tokio::test]
    async fn metrics_with_an_address_of_their_own_are_nowhere_else() {
        let section = ServerSection {
            metrics_listen: Some("127.0.0.1:0".to_owned()),
            public_metrics: true,
            ..ServerSection::default()
        };
        let (state, _stopper) = state(&section);
        let (status, _) = ask(&router(state.clone()), get_request("/metrics")).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let (status, _) = ask(&metrics_router(state), get_request("/metrics")).await;
        assert_eq!(status, StatusCode::OK);
    }
}

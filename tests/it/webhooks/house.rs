//! Two organizations whose channels receive, and the server in this process, with a clock of ours.

use std::{sync::Arc, time::Duration};

use axum::Router;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tenantctl::{
    config::ServerSection,
    db::{Pool, PoolSettings},
    domain::{
        Actor, ChannelKind, ChannelSettings, Organization,
        webhook::{Scheme, route::UnnamedIdentities},
        webhook_endpoint::SecretPurpose,
    },
    server::{Roles, Server, ServerState, Settings, router},
    services::{
        Session, channels,
        organizations::{self, NewOrganization},
        webhooks::{
            self, Worked,
            endpoints::{self, NewEndpoint, NewSecret},
            sign_ups,
        },
    },
    stop::Stopper,
    system::Clock,
};
use tower::ServiceExt;
use uuid::Uuid;

use super::{
    PUBLIC_URL,
    ask::{Ask, Told},
};
use crate::{
    common::{Cli, SECRET_KEYS, TestDb, sealing_keys, server_settings},
    serve::{PATIENCE, Serving},
};

/// What the identity provider signs with.
pub const SIGN_UP_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The secret of every endpoint that names none.
pub const SECRET: &str = "canary-secret-0123456789";

/// Organization `a` speaks Swiss German, `b` English. Their channels are off until they are set.
pub struct House {
    pub db: TestDb,
    pub session: Session,
    pub a: Organization,
    pub b: Organization,
    pub now: DateTime<Utc>,
}

/// An endpoint, as its provider knows it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub id: Uuid,
    pub path: String,
    pub verify_token: &'static str,
}

impl House {
    pub async fn new() -> Self {
        let db = TestDb::new();
        let session = db.session().await;
        let [a, b] = [("alpha", "de-CH"), ("beta", "en")];
        Self {
            a: organization(&session, a).await,
            b: organization(&session, b).await,
            now: session.now(),
            db,
            session,
        }
    }

    /// Switches a channel on, with these settings.
    pub async fn set(&self, of: &Organization, kind: ChannelKind, settings: Value) {
        self.change(of, kind, settings, true).await;
    }

    /// Switches a channel on or off, with these settings.
    pub async fn change(&self, of: &Organization, kind: ChannelKind, settings: Value, on: bool) {
        let compute = |before: &tenantctl::domain::ChannelConfiguration, _: &Organization| {
            let mut after = before.clone();
            after.enabled = on;
            after.settings = ChannelSettings::from_json(kind, settings)?;
            Ok(after)
        };
        let changed = channels::change(&self.session, of.id, kind, None, compute).await;
        changed.expect("the channel is set");
    }

    /// An endpoint with [`SECRET`].
    pub async fn endpoint(
        &self,
        of: &Organization,
        channel: ChannelKind,
        scheme: Scheme,
    ) -> Endpoint {
        self.endpoint_with(of, channel, scheme, SECRET).await
    }

    pub async fn endpoint_with(
        &self,
        of: &Organization,
        channel: ChannelKind,
        scheme: Scheme,
        secret: &str,
    ) -> Endpoint {
        let verify_token = "canary-verify-token";
        let new = NewEndpoint {
            channel,
            scheme,
            secret: secret.into(),
            may_be_weak: true,
            verify_token: (scheme == Scheme::Meta).then(|| verify_token.into()),
        };
        let keys = sealing_keys();
        let made = endpoints::create(&self.session, of.id, &keys, &new).await;
        let (_, made) = made.expect("the endpoint is made");
        Endpoint {
            id: made.endpoint.id,
            path: made.endpoint.address.path(),
            verify_token,
        }
    }

    /// Takes another secret into use; the former one is good for so long.
    pub async fn rotate(
        &self,
        of: &Organization,
        id: Uuid,
        secret: &str,
        overlap: chrono::TimeDelta,
    ) {
        let secret = NewSecret {
            purpose: SecretPurpose::Signing,
            text: secret.into(),
            may_be_weak: true,
        };
        let keys = sealing_keys();
        endpoints::rotate(&self.session, of.id, &keys, id, &secret, overlap)
            .await
            .expect("rotated");
    }

    /// A server that knows nothing yet, now.
    pub fn desk(&self) -> Desk {
        self.desk_at(self.now)
    }

    /// A server that knows nothing yet, at another time.
    pub fn desk_at(&self, now: DateTime<Utc>) -> Desk {
        self.desk_with(now, UnnamedIdentities::Accept)
    }

    /// A server that knows nothing yet, with the rule that is the default.
    pub fn strict_desk(&self) -> Desk {
        self.desk_with(self.now, ServerSection::default().unnamed_identities)
    }

    fn desk_with(&self, now: DateTime<Utc>, unnamed_identities: UnnamedIdentities) -> Desk {
        let section = ServerSection {
            public_url: Some(PUBLIC_URL.to_owned()),
            unnamed_identities,
            public_metrics: true,
            ..ServerSection::default()
        };
        // Requests have a role of their own, which owns nothing.
        let pool = PoolSettings {
            connect: server_settings(&self.db.url),
            max_connections: 4,
            wait: Duration::from_secs(20),
        };
        let (stopper, stop) = Stopper::new();
        let server = Server {
            settings: Settings::of(&section).unwrap(),
            roles: Roles {
                requests: true,
                work: false,
            },
            pool: Pool::new(pool).unwrap(),
            owner: None,
            tenant_url: Some("the test".to_owned()),
            clock: Clock::Fixed(now),
            actor: Actor::Operator {
                name: "test".to_owned(),
            },
            keys: Some(Arc::new(sealing_keys())),
            sign_up_secrets: vec![format!("v1,{SIGN_UP_SECRET}").into()],
            mail_workers: Vec::new(),
        };
        Desk {
            router: router(ServerState::new(&server, stop)),
            _stopper: stopper,
        }
    }

    /// Does everything that is due.
    pub async fn work(&self) {
        let Session { db, clock, .. } = &self.session;
        while webhooks::work_once(db, *clock, None).await.expect("worked") != Worked::Nothing {}
        while sign_ups::work_once(&self.session).await.expect("worked") {}
    }

    pub async fn count(&self, sql: &str) -> i64 {
        self.db.scalar(sql).await
    }

    pub async fn text(&self, sql: &str) -> String {
        self.db.scalar(sql).await
    }

    /// Waits until servers have done everything.
    pub async fn wait_until_done(&self) {
        let begun = std::time::Instant::now();
        let waiting = "SELECT (SELECT count(*) FROM webhook_jobs)
                            + (SELECT count(*) FROM sign_up_events WHERE status = 'pending')";
        loop {
            let waits = self.count(waiting).await;
            if waits == 0 {
                return;
            }
            assert!(begun.elapsed() < 4 * PATIENCE, "{waits} still wait");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How many events are in the platform's quarantine, with that status.
    pub async fn quarantined(&self, status: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM quarantined_events WHERE status = '{status}'");
        self.count(&sql).await
    }

    /// The events of a status.
    pub async fn events(&self, status: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM webhook_events WHERE status = '{status}'");
        self.count(&sql).await
    }

    /// Everything in every table, bodies in clear.
    pub async fn dump(&self) -> String {
        let tables = self.text(
            "SELECT string_agg(format('SELECT to_jsonb(t)::text AS row FROM %I t', tablename), ' UNION ALL ')
               FROM pg_tables WHERE schemaname = 'public'",
        );
        let rows = format!(
            "SELECT string_agg(row, E'\\n') FROM ({}) all_rows",
            tables.await
        );
        let bodies = "SELECT coalesce(string_agg(encode(body, 'escape') || query, E'\\n'), '') FROM webhook_events";
        self.text(&rows).await + &self.text(bodies).await
    }

    /// The binary, with what a server needs.
    pub fn cli(&self) -> Cli {
        self.db.cli().env("TENANTCTL_SECRET_KEYS", SECRET_KEYS)
    }

    /// A server in a process of its own, with more in its section.
    pub fn serve(&self, cli: &Cli, more: &str, args: &[&str]) -> Serving {
        std::fs::write(cli.home().join("sign-up"), SIGN_UP_SECRET).unwrap();
        let secret = cli.home().join("sign-up").display().to_string();
        let section = format!(
            "public_url = '{PUBLIC_URL}'\nsign_up_secret_file = '{secret}'\n\
                     unnamed_identities = 'accept'\n{more}"
        );
        Serving::with_args(cli, &section, args)
    }
}

async fn organization(session: &Session, (slug, locale): (&str, &str)) -> Organization {
    let new = NewOrganization {
        name: format!("Clinic {slug}"),
        slug: Some(slug.parse().unwrap()),
        time_zone: "Europe/Zurich".parse().unwrap(),
        locale: locale.parse().unwrap(),
        owner: None,
    };
    let created = organizations::create(session, &new).await;
    created.expect("the organization is made").organization
}

/// The server in this process: what it knows it keeps, and nobody tells it of changes.
pub struct Desk {
    router: Router,
    _stopper: Stopper,
}

impl Desk {
    pub async fn send(&self, ask: &Ask) -> Told {
        let answer = self.router.clone().oneshot(ask.request()).await;
        Told::read(answer.unwrap()).await
    }

    /// Sends it and expects that status.
    #[track_caller]
    pub fn expect(&self, ask: &Ask, status: u16) -> impl Future<Output = Told> {
        let place = std::panic::Location::caller();
        let ask = ask.clone();
        async move {
            let told = self.send(&ask).await;
            assert_eq!(told.status, status, "{place}: {told:?}");
            told
        }
    }

    /// Shows the token of a call at the door of the media streams.
    pub async fn redeem(&self, token: &str, call: &str) -> Told {
        let body = json!({"token": token, "call_sid": call}).to_string();
        self.send(&Ask::post("/api/stream-tokens/redeem", body))
            .await
    }

    /// How many were refused for a reason.
    pub async fn refused(&self, reason: &str) -> u32 {
        let metrics = self.send(&Ask::get("/metrics")).await.body;
        refusals(&metrics, reason)
    }
}

/// How many were refused for a reason, as the metrics say.
pub fn refusals(metrics: &str, reason: &str) -> u32 {
    let series = format!("tenantctl_http_refusals_total{{reason=\"{reason}\"}} ");
    let found = metrics.lines().find_map(|line| line.strip_prefix(&series));
    found.map_or(0, |number| number.parse().unwrap())
}

//! Two hundred callers who want the same slot.

use std::sync::Arc;

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tenantctl::{
    db::{self, Database},
    domain::{Actor, booking::Function, channel::identity::ClaimPolicy},
    error::ErrorKind,
    local::{EphemeralCluster, EphemeralOptions},
    services::{
        Session, booking,
        organizations::{self, NewOrganization},
    },
    system::{Clock, new_id},
};
use tokio::sync::Barrier;

use crate::common::{TestDb, practice, settings};

const CALLERS: usize = 200;

async fn session(url: &str) -> Session {
    Session {
        db: Database::connect(&settings(url))
            .await
            .expect("a connection"),
        actor: Actor::Operator {
            name: "racer".to_owned(),
        },
        clock: Clock::System,
        request_id: new_id(),
        mail: None,
        claims: ClaimPolicy::default(),
    }
}

#[tokio::test]
async fn of_two_hundred_callers_one_gets_the_slot_and_the_others_hear_of_the_next_ones() {
    // A cluster of its own: as many connections at once are more than the shared one allows.
    let options = EphemeralOptions {
        settings: vec![("max_connections".to_owned(), "230".to_owned())],
        ..crate::common::cluster_options()
    };
    let cluster = EphemeralCluster::start_with(options)
        .await
        .expect("a cluster");
    let url = cluster.admin_url("postgres");
    let first = session(&url).await;
    db::migrate::run(&first.db)
        .await
        .expect("the migrations apply");
    let new = NewOrganization {
        name: "Harbor".to_owned(),
        slug: Some("harbor".parse().expect("a slug")),
        time_zone: "Europe/Zurich".parse().expect("a zone"),
        locale: "de-CH".parse().expect("a locale"),
        owner: None,
    };
    let organization = organizations::create(&first, &new)
        .await
        .expect("it is made");
    let organization = organization.organization;
    let practice = practice(&first, &organization).await;

    let barrier = Arc::new(Barrier::new(CALLERS));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let session = session(&url).await;
        let (barrier, organization) = (Arc::clone(&barrier), organization.id);
        let parameters = json!({
            "patient_id": practice.patient, "provider_id": practice.provider,
            "operatory_id": practice.operatory, "starts_at": "2031-03-03T10:00",
        });
        callers.spawn(async move {
            barrier.wait().await;
            let function = Function::CreateAppointment;
            booking::call(&session, organization, function, parameters, None).await
        });
    }
    let mut booked = 0;
    for called in callers.join_all().await {
        match called {
            Ok(_) => booked += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                assert!(error.to_string().contains("already booked"), "{error}");
                let hints = error
                    .hints()
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("\n");
                assert!(hints.contains("2031-03-03T10:30+01:00"), "{hints}");
            }
        }
    }
    assert_eq!(booked, 1);
}

/// The services let changes of one organization take turns. The rule does not depend on it.
#[tokio::test]
async fn without_any_turns_the_database_itself_refuses_the_second() {
    let world = super::functions::World::new().await;
    let (ours, organization) = (&world.ours, world.fixture.a.id);
    let insert = |provider: &str, operatory: &str| {
        format!(
            "INSERT INTO appointments (organization_id, id, patient_id, provider_id, operatory_id,
                                       starts_at, ends_at, status, created_at, updated_at)
             VALUES ('{organization}', gen_random_uuid(), '{}', '{provider}', {operatory},
                     '2031-04-01 10:00Z', '2031-04-01 10:30Z', 'scheduled', now(), now())",
            ours.patient
        )
    };
    let other = json!({ "name": "Dr. Eve Flint" });
    let other = world
        .call(Function::CreateProvider, other)
        .await
        .expect("made");
    let other = other["provider"]["id"].as_str().expect("an id");
    let room = format!("'{}'", ours.operatory);
    for (first, second, constraint) in [
        (
            insert(&ours.provider, "NULL"),
            insert(&ours.provider, &room),
            "appointments_provider_free",
        ),
        (
            insert(&ours.provider, &room),
            insert(other, &room),
            "appointments_operatory_free",
        ),
    ] {
        let (mut one, mut two) = (world.fixture.db.raw().await, world.fixture.db.raw().await);
        let mut one = one.begin().await.expect("a transaction");
        one.execute(AssertSqlSafe(first)).await.expect("the first");
        let waiting = tokio::spawn(async move { two.execute(AssertSqlSafe(second)).await });
        while !is_waited_for(&world.fixture.db).await {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        one.commit().await.expect("the first is booked");
        let refused = waiting
            .await
            .expect("it ends")
            .expect_err("the second is refused");
        let refused = refused.as_database_error().expect("by the server");
        assert_eq!(refused.constraint(), Some(constraint));
        world
            .fixture
            .db
            .execute("DELETE FROM appointments WHERE starts_at = '2031-04-01 10:00Z'")
            .await;
    }
}

async fn is_waited_for(db: &TestDb) -> bool {
    db.scalar(
        "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                         WHERE NOT l.granted AND a.datname = current_database())",
    )
    .await
}

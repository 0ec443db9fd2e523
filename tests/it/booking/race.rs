//! Two hundred callers who want the same slot.

use std::sync::Arc;

use serde_json::json;
use tenantctl::{
    context::{Clock, new_id},
    db::{self, Database},
    domain::{Actor, booking::Function},
    error::ErrorKind,
    local::{EphemeralCluster, EphemeralOptions},
    services::{
        Session, booking,
        organizations::{self, NewOrganization},
    },
};
use tokio::sync::Barrier;

use crate::common::{practice, settings};

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
                assert!(error.to_string().contains("booked already"), "{error}");
                let hints = error.hints().join("\n");
                assert!(hints.contains("2031-03-03T10:30+01:00"), "{hints}");
            }
        }
    }
    assert_eq!(booked, 1);
}

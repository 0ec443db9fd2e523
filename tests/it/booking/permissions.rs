//! Who may call what.

use serde_json::json;
use tenantctl::{
    db::Database,
    domain::{Role, booking::Function},
    error::ErrorKind,
    services::{Session, members},
};

use super::functions::{World, call, right};
use crate::common::{settings, user};

/// Each call is a dry run, so that one world serves all of them.
#[tokio::test]
async fn a_role_calls_what_it_holds_the_permission_for_and_nothing_else() {
    let world = World::new().await;
    let (session, organization) = (&world.fixture.session, &world.fixture.a);
    for role in [Role::Viewer, Role::Member, Role::Admin] {
        let somebody = user(session, &format!("{role}@else.example")).await;
        members::add(session, organization.id, &somebody.email, role, false)
            .await
            .expect("they become a member");
        for function in Function::ALL.iter().copied() {
            let rehearsal = Session {
                db: Database::rehearse(&settings(&world.fixture.db.url))
                    .await
                    .expect("a connection"),
                ..session.acting_as(&somebody)
            };
            let parameters = right(function, &world.ours);
            let called = call(&rehearsal, organization, function, parameters).await;
            match (role.holds(function.permission()), called) {
                (true, Ok(_)) => {}
                (false, Err(error)) => {
                    assert_eq!(error.kind(), ErrorKind::Refused, "{role} {function}");
                    let permission = function.permission();
                    assert!(error.to_string().contains(permission.as_str()), "{error}");
                }
                (held, called) => panic!("{role} {function}: held {held}, {called:?}"),
            }
        }
    }
}

#[tokio::test]
async fn archiving_a_patient_takes_the_right_to_delete() {
    let world = World::new().await;
    let (session, organization) = (&world.fixture.session, &world.fixture.a);
    let somebody = user(session, "member@else.example").await;
    members::add(
        session,
        organization.id,
        &somebody.email,
        Role::Member,
        false,
    )
    .await
    .expect("they become a member");
    let theirs = session.acting_as(&somebody);
    let archive = json!({ "patient_id": world.ours.patient, "archived": true });
    let error = call(&theirs, organization, Function::UpdatePatient, archive)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    let change = json!({ "patient_id": world.ours.patient, "notes": "x" });
    call(&theirs, organization, Function::UpdatePatient, change)
        .await
        .expect("a member changes patients");
}

#[tokio::test]
async fn who_is_not_a_member_finds_no_organization() {
    let world = World::new().await;
    let stranger = user(&world.fixture.session, "stranger@else.example").await;
    let theirs = world.fixture.session.acting_as(&stranger);
    for function in Function::ALL.iter().copied() {
        let parameters = right(function, &world.ours);
        let error = call(&theirs, &world.fixture.a, function, parameters)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{function}: {error}");
    }
}

#[tokio::test]
async fn a_deletion_that_nobody_confirmed_is_refused() {
    let world = World::new().await;
    for function in Function::ALL.iter().copied().filter(|one| one.deletes()) {
        let (session, organization) = (&world.fixture.session, &world.fixture.a);
        let parameters = right(function, &world.ours);
        let called = tenantctl::services::booking::call(
            session,
            organization.id,
            function,
            parameters,
            None,
        );
        assert_eq!(
            called.await.unwrap_err().kind(),
            ErrorKind::Refused,
            "{function}"
        );
    }
}

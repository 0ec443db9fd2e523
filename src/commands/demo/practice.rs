//! The booking data of the demo: a patient, a provider with a week of working hours, an operatory
//! and an appointment, each made once.

use crate::{
    context::App,
    domain::{
        Organization,
        booking::{
            Moment,
            parameters::{
                CreateAppointment, CreateDefaultSchedules, CreateOperatory, CreatePatient,
                CreateProvider, GetAppointments, GetAvailableSlots, UpdateOperatory, UpdatePatient,
                UpdateProvider,
            },
        },
    },
    error::{Error, Result},
    run,
    services::{
        Session,
        booking::{appointments, operatories, patients, providers, schedules, slots},
    },
};

/// What the demo's rows are found by again.
const EXTERNAL_ID: &str = "demo";

/// Patients, providers and operatories.
pub(super) struct Practice {
    pub(super) provider: &'static str,
    pub(super) patient: (&'static str, &'static str),
    pub(super) phone: &'static str,
}

/// Fills the organization; what is there already stays as it is, and comes back where it was
/// archived.
pub(super) async fn fill(
    app: &App,
    session: &Session,
    organization: &Organization,
    practice: &Practice,
) -> Result<()> {
    let (id, external_id) = (organization.id, Some(EXTERNAL_ID.to_owned()));
    let new = CreateProvider {
        name: practice.provider.to_owned(),
        specialty: None,
        email: None,
        phone: None,
        external_id: external_id.clone(),
    };
    let provider = providers::create(session, id, &new, true).await?.provider;
    providers::update(session, id, UpdateProvider::restore(provider.id)).await?;
    let new = CreateOperatory {
        name: "Room 1".to_owned(),
        notes: None,
        external_id: external_id.clone(),
    };
    let operatory = operatories::create(session, id, &new, true)
        .await?
        .operatory;
    operatories::update(session, id, UpdateOperatory::restore(operatory.id)).await?;
    schedules::create_defaults(session, id, &CreateDefaultSchedules::default()).await?;
    let new = CreatePatient {
        first_name: practice.patient.0.to_owned(),
        last_name: practice.patient.1.to_owned(),
        birth_date: None,
        phone: Some(practice.phone.to_owned()),
        email: None,
        language: None,
        notes: None,
        external_id,
    };
    let patient = patients::create(session, id, &new, true).await?.patient;
    patients::update(session, id, UpdatePatient::restore(patient.id)).await?;
    let known = GetAppointments {
        patient_id: Some(patient.id),
        limit: Some(1),
        ..GetAppointments::default()
    };
    let known = appointments::get_all(session, id, &known).await?;
    if known.appointments.is_empty() {
        let search = GetAvailableSlots {
            provider_id: Some(provider.id),
            operatory_id: Some(operatory.id),
            lead_minutes: Some(24 * 60),
            limit: Some(1),
            ..GetAvailableSlots::default()
        };
        let free = slots::get_available(session, id, &search).await?;
        let free = free.slots.first().ok_or_else(|| {
            Error::conflict(format!("{} has no free time", provider.name))
                .hint(run!["schedule", "hours", "demo"].labeled("see the hours"))
        })?;
        let new = CreateAppointment {
            patient_id: patient.id,
            provider_id: provider.id,
            operatory_id: Some(operatory.id),
            starts_at: Moment::Exact(free.starts_at),
            length_minutes: None,
            status: None,
            service: Some("Check-up".to_owned()),
            notes: None,
            external_id: None,
            outside_schedule: false,
            in_past: false,
        };
        appointments::create(session, id, &new).await?;
    }
    app.printer.done(&format!(
        "{}: a patient has an appointment with {}",
        organization.name, practice.provider
    ));
    Ok(())
}

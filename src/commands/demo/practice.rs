//! The booking data of the demo: a patient, a provider with a week of working hours, an operatory
//! and an appointment. Each is created once.

use crate::{
    app::App,
    domain::{
        Organization, OrganizationId,
        booking::{
            Moment, Operatory, OperatoryFields, Patient, PatientFields, Provider, ProviderFields,
            parameters::{
                CreateAppointment, CreateDefaultSchedules, GetAppointments, GetAvailableSlots,
            },
        },
    },
    error::{Error, Result},
    run,
    services::{
        Session,
        booking::{
            appointments,
            resources::{self, Stored, Update},
            schedules, slots,
        },
    },
};

/// The external id by which the demo finds its rows again.
const EXTERNAL_ID: &str = "demo";

/// The booking data of an organization.
pub(super) struct Practice {
    pub(super) provider: &'static str,
    pub(super) patient: (&'static str, &'static str),
    pub(super) phone: &'static str,
}

/// Fills the organization. Existing rows are kept, and restored if they are archived.
pub(super) async fn fill(
    app: &App,
    session: &Session,
    organization: &Organization,
    practice: &Practice,
) -> Result<()> {
    let (id, external_id) = (organization.id, Some(EXTERNAL_ID.to_owned()));
    let new = ProviderFields {
        name: Some(practice.provider.to_owned()),
        external_id: external_id.clone(),
        ..ProviderFields::default()
    };
    let provider = keep::<Provider>(session, id, &new).await?;
    let new = OperatoryFields {
        name: Some("Room 1".to_owned()),
        external_id: external_id.clone(),
        ..OperatoryFields::default()
    };
    let operatory = keep::<Operatory>(session, id, &new).await?;
    schedules::create_defaults(session, id, &CreateDefaultSchedules::default()).await?;
    let new = PatientFields {
        first_name: Some(practice.patient.0.to_owned()),
        last_name: Some(practice.patient.1.to_owned()),
        phone: Some(practice.phone.to_owned()),
        external_id,
        ..PatientFields::default()
    };
    let patient = keep::<Patient>(session, id, &new).await?;
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
            Error::conflict(format!("{} has no free slot", provider.name))
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

/// Adds a row if it does not exist, and restores it if it is archived.
async fn keep<R: Stored>(
    session: &Session,
    organization: OrganizationId,
    fields: &R::Fields,
) -> Result<R> {
    let row = resources::create::<R>(session, organization, fields, true)
        .await?
        .row;
    let restore = Update::restore();
    let restored = resources::update::<R>(session, organization, row.id(), &restore).await?;
    Ok(restored.row)
}

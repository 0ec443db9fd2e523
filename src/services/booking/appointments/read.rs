//! Reading appointments.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    db::{self, appointments::AppointmentFilter},
    domain::{
        AppointmentId, OrganizationId,
        booking::{
            AppointmentEntry, Function, Moment, PageMark, clock,
            parameters::{GetAppointments, LONGEST_PAGE},
        },
    },
    error::{Error, Result},
    rfc3339,
    services::{
        Scope, Session,
        booking::{
            access_log::{self, Done},
            checks, missing,
        },
    },
};

/// A page of appointments.
#[derive(Debug, Serialize)]
pub struct AppointmentsPage {
    pub appointments: Vec<AppointmentEntry>,
    /// Position after which the next page begins; null on the last page.
    pub next_after: Option<PageMark>,
}

/// Returns the matching appointments, ordered by time, with the names of their patients, providers
/// and operatories.
///
/// # Errors
/// `BadInput` for filters that contradict each other.
pub async fn get_all(
    session: &Session,
    organization: OrganizationId,
    parameters: &GetAppointments,
) -> Result<AppointmentsPage> {
    let function = Function::GetAppointments;
    let mut scope = session.read(organization, function.permission()).await?;
    let done = get_all_in(&mut scope, parameters).await;
    access_log::end(session, scope, function, done).await
}

async fn get_all_in(
    scope: &mut Scope,
    parameters: &GetAppointments,
) -> Result<Done<AppointmentsPage>> {
    let limit = checks::page(parameters.limit)?;
    let filter = AppointmentFilter {
        limit: Some(limit + 1),
        ..filter(scope, parameters)?
    };
    let found = db::appointments::list(&mut scope.tx, &filter).await?;
    let (appointments, more) = checks::cut(found, limit);
    let shown = appointments.iter().map(|one| one.appointment.patient_id);
    scope.records.extend(shown);
    // An empty result reveals that this patient has no appointment at that time, so it counts as
    // access.
    scope.records.extend(parameters.patient_id);
    let page = AppointmentsPage {
        next_after: appointments.last().filter(|_| more).map(place),
        appointments,
    };
    Ok((page, None))
}

fn place(entry: &AppointmentEntry) -> PageMark {
    let key = rfc3339::format(&entry.appointment.starts_at);
    PageMark::new(key, entry.appointment.id)
}

fn place_of(mark: &PageMark) -> Result<(DateTime<Utc>, AppointmentId)> {
    let starts_at = DateTime::parse_from_rfc3339(&mark.key).map_err(|_| {
        Error::bad_input("after: not a valid position")
            .hint("specify next_after of the previous page, unchanged")
    })?;
    Ok((starts_at.to_utc(), mark.id.into()))
}

fn filter(scope: &Scope, parameters: &GetAppointments) -> Result<AppointmentFilter> {
    let zone = scope.organization.time_zone.tz();
    let ids = &parameters.appointment_ids;
    if ids.len() > LONGEST_PAGE as usize {
        return Err(Error::bad_input(format!(
            "{} appointment_ids are given (at most {LONGEST_PAGE} are allowed)",
            ids.len()
        ))
        .hint("split them into several calls"));
    }
    let is_range = parameters.from.is_some() || parameters.until.is_some();
    if parameters.date.is_some() && is_range {
        return Err(
            Error::bad_input("date and from or until are mutually exclusive")
                .hint("specify only one of them"),
        );
    }
    let resolve = |moment: Option<Moment>| moment.map(|moment| moment.resolve(zone)).transpose();
    let (from, until) = match parameters.date {
        Some(date) => {
            let day = clock::whole_date(date, zone);
            (Some(day.start), Some(day.end))
        }
        None => (resolve(parameters.from)?, resolve(parameters.until)?),
    };
    Ok(AppointmentFilter {
        ids: ids.clone(),
        from,
        until,
        patient: parameters.patient_id,
        provider: parameters.provider_id,
        operatory: parameters.operatory_id,
        statuses: parameters.status.clone(),
        after: parameters.after.as_ref().map(place_of).transpose()?,
        limit: None,
    })
}

/// Returns an appointment, with the names of its patient, provider and operatory.
///
/// # Errors
/// `NotFound`.
pub async fn get(
    session: &Session,
    organization: OrganizationId,
    id: AppointmentId,
) -> Result<AppointmentEntry> {
    let parameters = GetAppointments {
        appointment_ids: vec![id],
        ..GetAppointments::default()
    };
    let page = get_all(session, organization, &parameters).await?;
    let found = page.appointments.into_iter().next();
    found.ok_or_else(|| missing::appointment(id))
}

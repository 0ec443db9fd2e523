//! Free slots: schedules minus appointments.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::{checks, resources};
use crate::{
    db::{
        self,
        appointments::{Busy, busy},
        resources::{ResourceFilter, ResourceTable as _},
    },
    domain::{
        AppointmentId, OperatoryId, OrganizationId, ProviderId,
        booking::{
            Appointment, Function, Operatory, Provider, clock,
            intervals::{Interval, Intervals},
            opening::{Subject, Timetable, fits},
            parameters::GetAvailableSlots,
            slots::{ProviderTime, RoomTime, Rooms, Slot, SlotSearch},
        },
    },
    error::{Error, Result},
    run,
    services::{Scope, Session},
};

/// Default length of an appointment, in minutes.
pub(super) const USUAL_LENGTH: u32 = 30;
const USUAL_DAYS: u32 = 14;
const USUAL_LIMIT: u32 = 100;
/// Number of other times that a conflict proposes.
const ALTERNATIVES: usize = 3;

/// The free slots that match a request.
#[derive(Debug, Serialize)]
pub struct AvailableSlots {
    /// The organization's time zone, in which `local_start` is given.
    pub time_zone: String,
    pub slots: Vec<Slot>,
    /// `true` if more slots exist than the limit allows.
    pub more: bool,
}

/// The operatory needed for a slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Room {
    NotNeeded,
    /// Any free operatory; none is needed if the organization has no operatories.
    Any,
    One(OperatoryId),
}

/// Returns the matching slots, ordered by time.
///
/// # Errors
/// `NotFound` or `Conflict` for a provider or operatory that does not exist or is archived,
/// `BadInput` for numbers out of range.
pub async fn get_available(
    session: &Session,
    organization: OrganizationId,
    parameters: &GetAvailableSlots,
) -> Result<AvailableSlots> {
    let permission = Function::GetAvailableSlots.permission();
    let mut scope = session.read(organization, permission).await?;
    let limit = checks::within("limit", parameters.limit, USUAL_LIMIT, 1..=10_000)? as usize;
    let search = SlotSearch {
        limit: limit + 1,
        ..search_of(session, &scope, parameters)?
    };
    let room = match (parameters.operatory_id, parameters.without_operatory) {
        (Some(_), true) => {
            return Err(Error::bad_input(
                "operatory_id and without_operatory are mutually exclusive",
            )
            .hint("specify only one of them"));
        }
        (Some(id), false) => {
            resources::require_active::<Operatory>(&mut scope, id).await?;
            Room::One(id)
        }
        (None, true) => Room::NotNeeded,
        (None, false) => Room::Any,
    };
    let mut slots = find(&mut scope, &search, parameters.provider_id, room, None).await?;
    let more = slots.len() > limit;
    slots.truncate(limit);
    Ok(AvailableSlots {
        time_zone: scope.organization.time_zone.name().to_owned(),
        slots,
        more,
    })
}

fn search_of(
    session: &Session,
    scope: &Scope,
    parameters: &GetAvailableSlots,
) -> Result<SlotSearch> {
    let length = parameters.length_minutes;
    let length = checks::within("length_minutes", length, USUAL_LENGTH, 5..=1440)?;
    let step = checks::within("step_minutes", parameters.step_minutes, length, 5..=1440)?;
    let days = checks::within("days", parameters.days, USUAL_DAYS, 1..=92)?;
    let lead = checks::within("lead_minutes", parameters.lead_minutes, 0, 0..=525_600)?;
    if let (Some(from), Some(until)) = (parameters.time_from, parameters.time_until)
        && until <= from
    {
        return Err(
            Error::bad_input(format!("time_until {until} is not after time_from {from}"))
                .hint("specify two times of the same day, such as 09:00 and 12:00"),
        );
    }
    let now = session.now();
    Ok(SlotSearch {
        first_date: match parameters.date_from {
            Some(date) => date,
            None => clock::shown(now, scope.organization.time_zone.tz()).date(),
        },
        days,
        length: TimeDelta::minutes(length.into()),
        step: TimeDelta::minutes(step.into()),
        earliest: now + TimeDelta::minutes(lead.into()),
        time_from: parameters.time_from,
        time_until: parameters.time_until,
        limit: 0,
    })
}

/// Returns the slots of a search, for one provider or for all active ones. The appointment `except`
/// does not block a slot, because it is to be moved.
async fn find(
    scope: &mut Scope,
    search: &SlotSearch,
    provider: Option<ProviderId>,
    room: Room,
    except: Option<AppointmentId>,
) -> Result<Vec<Slot>> {
    let zone = scope.organization.time_zone.tz();
    let (dates, window) = (search.dates(zone), search.window(zone));
    let provider_ids = match provider {
        Some(id) => vec![resources::require_active::<Provider>(scope, id).await?.id],
        None => {
            let active = Provider::list(&mut scope.tx, &ResourceFilter::default()).await?;
            active.into_iter().map(|one| one.id).collect()
        }
    };
    let room_ids = match room {
        Room::NotNeeded => Vec::new(),
        Room::One(id) => vec![id],
        Room::Any => {
            let active = Operatory::list(&mut scope.tx, &ResourceFilter::default()).await?;
            active.into_iter().map(|one| one.id).collect()
        }
    };
    let (only_provider, only_room) = match (provider, room) {
        (Some(provider), Room::NotNeeded) => (Some(provider), None),
        (Some(provider), Room::One(room)) => (Some(provider), Some(room)),
        (None, _) | (_, Room::Any) => (None, None),
    };
    let tx = &mut scope.tx;
    let (first, last) = (*dates.start(), *dates.end());
    let schedules = db::schedules::in_force(tx, first, last, provider, only_room).await?;
    let taken = busy(
        tx,
        window.start,
        window.end,
        only_provider,
        only_room,
        except,
    )
    .await?;
    let timetable = Timetable::new(&schedules);
    let provider_times: Vec<ProviderTime> = provider_ids
        .into_iter()
        .map(|id| ProviderTime {
            provider_id: id,
            open: timetable.hours(Subject::Provider(id), dates.clone(), zone),
            busy: times(&taken, |one| one.provider_id == id),
        })
        .collect();
    let rooms = if room_ids.is_empty() {
        Rooms::NotNeeded
    } else {
        let room_time = |id| RoomTime {
            operatory_id: id,
            open: timetable.hours(Subject::Operatory(id), dates.clone(), zone),
            busy: times(&taken, |one| one.operatory_id == Some(id)),
        };
        Rooms::OneOf(room_ids.into_iter().map(room_time).collect())
    };
    Ok(search.slots(&provider_times, &rooms, zone).collect())
}

fn times(taken: &[Busy], is_theirs: impl Fn(&Busy) -> bool) -> Intervals {
    taken
        .iter()
        .filter(|one| is_theirs(one))
        .map(|one| Interval::new(one.starts_at, one.ends_at))
        .collect()
}

/// Rejects an appointment outside of the working hours of its provider or operatory.
///
/// # Errors
/// `Conflict` with other times.
pub(super) async fn require_open(
    session: &Session,
    scope: &mut Scope,
    appointment: &Appointment,
) -> Result<()> {
    let zone = scope.organization.time_zone.tz();
    let (starts_at, ends_at) = (appointment.starts_at, appointment.ends_at);
    let dates = clock::dates_touched(Interval::new(starts_at, ends_at), zone);
    let schedules = db::schedules::in_force(
        &mut scope.tx,
        *dates.start(),
        *dates.end(),
        Some(appointment.provider_id),
        appointment.operatory_id,
    )
    .await?;
    let timetable = Timetable::new(&schedules);
    let is_open = |subject| {
        fits(
            &timetable.hours(subject, dates.clone(), zone),
            starts_at,
            ends_at,
        )
    };
    let (what, id) = if !is_open(Subject::Provider(appointment.provider_id)) {
        ("provider", appointment.provider_id.to_string())
    } else if let Some(room) = appointment.operatory_id
        && !is_open(Subject::Operatory(room))
    {
        ("operatory", room.to_string())
    } else {
        return Ok(());
    };
    let error = Error::conflict(format!(
        "{what} {id} is not available from {}: the time is outside of the schedules",
        shown(starts_at, zone)
    ));
    let provider = appointment.provider_id;
    let error = with_alternatives(session, scope, error, appointment).await;
    Err(error
        .hint("use --outside-schedule (outside_schedule) to book it anyway")
        .hint(run!["schedule", "hours", provider].labeled("see the hours")))
}

/// Builds the error for an appointment that overlaps another one. Reads the alternatives in a
/// transaction of its own, after the one that failed has ended.
pub(super) async fn taken(
    session: &Session,
    what: &str,
    wanted: &Appointment,
    organization: OrganizationId,
) -> Error {
    let permission = Function::GetAvailableSlots.permission();
    let mut scope = match session.read(organization, permission).await {
        Ok(scope) => scope,
        Err(_) => return is_taken(what, wanted, chrono_tz::Tz::UTC),
    };
    let zone = scope.organization.time_zone.tz();
    with_alternatives(session, &mut scope, is_taken(what, wanted, zone), wanted).await
}

fn is_taken(what: &str, wanted: &Appointment, zone: chrono_tz::Tz) -> Error {
    Error::conflict(format!(
        "the {what} is already booked at {}",
        shown(wanted.starts_at, zone)
    ))
}

/// Adds the next free slots with the same provider and in the same operatory to the error. If they
/// cannot be read, the error is returned unchanged.
async fn with_alternatives(
    session: &Session,
    scope: &mut Scope,
    error: Error,
    wanted: &Appointment,
) -> Error {
    let zone = scope.organization.time_zone.tz();
    let after = wanted.starts_at.max(session.now());
    let search = SlotSearch::alternatives(after, wanted.length(), ALTERNATIVES, zone);
    let room = match wanted.operatory_id {
        Some(room) => Room::One(room),
        None => Room::NotNeeded,
    };
    let provider = Some(wanted.provider_id);
    let Ok(slots) = find(scope, &search, provider, room, Some(wanted.id)).await else {
        return error;
    };
    let free: Vec<String> = slots
        .iter()
        .map(|slot| slot.local_start.format("%Y-%m-%dT%H:%M%:z").to_string())
        .collect();
    let of = match wanted.operatory_id {
        Some(_) => "with this provider in this operatory",
        None => "with this provider",
    };
    if free.is_empty() {
        let minutes = wanted.length().num_minutes();
        return error.hint(format!(
            "no free slot of {minutes} minutes {of} in the following two weeks"
        ));
    }
    error.hint(format!("next free {of}: {}", free.join(", ")))
}

fn shown(at: DateTime<Utc>, zone: chrono_tz::Tz) -> String {
    at.with_timezone(&zone)
        .format("%Y-%m-%dT%H:%M%:z")
        .to_string()
}

//! Parameters of the functions on schedules.

use chrono::NaiveDate;

use super::{Patch, parameters, patch};
use crate::domain::{
    OperatoryId, ProviderId, ScheduleId,
    booking::{ClockTime, PageMark, ScheduleKind, Weekday, calendar},
};

parameters! {
    /// Parameters of GetSchedules.
    #[derive(Default)]
    pub struct GetSchedules {
        pub kind: Option<ScheduleKind>,
        pub provider_id: Option<ProviderId>,
        pub operatory_id: Option<OperatoryId>,
        /// Only the organization's own, which are of no provider and no operatory.
        #[serde(default)]
        pub organization_only: bool,
        /// Those whose days include this date. Others may overrule them: what results for a provider
        /// is told by GetProviderSchedules.
        #[serde(default, deserialize_with = "calendar::optional")]
        pub date: Option<NaiveDate>,
        /// Schedules of a page, 1 to 1000; 50 where it is not given.
        #[schemars(range(min = 1, max = 1000))]
        pub limit: Option<u32>,
        /// Where the page before ended: its `next_after`.
        pub after: Option<PageMark>,
    }

    /// Parameters of GetSchedule.
    pub struct GetSchedule {
        pub schedule_id: ScheduleId,
    }

    /// Parameters of GetProviderSchedules.
    pub struct GetProviderSchedules {
        pub provider_id: ProviderId,
        /// The first date whose hours are worked out; today where it is not given.
        #[serde(default, deserialize_with = "calendar::optional")]
        pub date_from: Option<NaiveDate>,
        /// How many dates, 1 to 92; 7 where it is not given.
        #[schemars(range(min = 1, max = 92))]
        pub days: Option<u32>,
    }

    /// Parameters of CreateSchedule.
    pub struct CreateSchedule {
        pub kind: ScheduleKind,
        /// Of this provider. Neither provider nor operatory: of the whole organization.
        pub provider_id: Option<ProviderId>,
        /// Of this operatory.
        pub operatory_id: Option<OperatoryId>,
        /// Of weekly hours; in a blockout the days on which it counts, every day where it is null.
        pub weekday: Option<Weekday>,
        /// The first date on which it counts.
        #[serde(default, deserialize_with = "calendar::optional")]
        pub valid_from: Option<NaiveDate>,
        /// The last date on which it counts. Of date and holiday: valid_from where it is null.
        #[serde(default, deserialize_with = "calendar::optional")]
        pub valid_until: Option<NaiveDate>,
        pub start_time: Option<ClockTime>,
        pub end_time: Option<ClockTime>,
        pub note: Option<String>,
    }

    /// Parameters of UpdateSchedule: what is left out stays, null clears.
    pub struct UpdateSchedule {
        pub schedule_id: ScheduleId,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<Weekday>")]
        pub weekday: Patch<Weekday>,
        #[serde(default, deserialize_with = "calendar::patch")]
        #[schemars(with = "Option<NaiveDate>")]
        pub valid_from: Patch<NaiveDate>,
        #[serde(default, deserialize_with = "calendar::patch")]
        #[schemars(with = "Option<NaiveDate>")]
        pub valid_until: Patch<NaiveDate>,
        pub start_time: Option<ClockTime>,
        pub end_time: Option<ClockTime>,
        #[serde(default, deserialize_with = "patch")]
        #[schemars(with = "Option<String>")]
        pub note: Patch<String>,
    }

    /// Parameters of DeleteSchedule.
    pub struct DeleteSchedule {
        pub schedule_id: ScheduleId,
    }

    /// Parameters of CreateDefaultSchedules.
    #[derive(Default)]
    pub struct CreateDefaultSchedules {
        /// For these providers; for all active ones where it is empty. Who has weekly hours of
        /// their own keeps them.
        #[serde(default)]
        pub provider_ids: Vec<ProviderId>,
        /// Monday to Friday where it is empty.
        #[serde(default)]
        pub weekdays: Vec<Weekday>,
        /// 09:00 where it is not given.
        pub start_time: Option<ClockTime>,
        /// 17:00 where it is not given.
        pub end_time: Option<ClockTime>,
    }

    /// Parameters of CheckScheduleConflicts.
    #[derive(Default)]
    pub struct CheckScheduleConflicts {
        /// Only of this provider.
        pub provider_id: Option<ProviderId>,
        /// Only of this operatory.
        pub operatory_id: Option<OperatoryId>,
        /// The first date whose appointments are looked at; today where it is not given.
        #[serde(default, deserialize_with = "calendar::optional")]
        pub date_from: Option<NaiveDate>,
        /// How many dates, 1 to 366; 92 where it is not given.
        #[schemars(range(min = 1, max = 366))]
        pub days: Option<u32>,
        /// As if this one were there too.
        pub proposed: Option<CreateSchedule>,
    }
}

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
        /// Only the organization's own schedules, without a provider or an operatory.
        #[serde(default)]
        pub organization_only: bool,
        /// Only schedules that include this date. Others may take precedence: for the
        /// resulting hours of a provider, use GetProviderSchedules.
        #[serde(default, deserialize_with = "calendar::optional")]
        pub date: Option<NaiveDate>,
        /// Schedules per page, 1 to 1000; default 50.
        #[schemars(range(min = 1, max = 1000))]
        pub limit: Option<u32>,
        /// The end of the previous page: its `next_after`.
        pub after: Option<PageMark>,
    }

    /// Parameters of GetSchedule.
    pub struct GetSchedule {
        pub schedule_id: ScheduleId,
    }

    /// Parameters of GetProviderSchedules.
    pub struct GetProviderSchedules {
        pub provider_id: ProviderId,
        /// The first date to compute hours for; default today.
        #[serde(default, deserialize_with = "calendar::optional")]
        pub date_from: Option<NaiveDate>,
        /// Number of dates, 1 to 92; default 7.
        #[schemars(range(min = 1, max = 92))]
        pub days: Option<u32>,
    }

    /// Parameters of CreateSchedule.
    pub struct CreateSchedule {
        pub kind: ScheduleKind,
        /// For this provider. With neither provider nor operatory: for the whole organization.
        pub provider_id: Option<ProviderId>,
        /// For this operatory.
        pub operatory_id: Option<OperatoryId>,
        /// The day of weekly hours; in a blockout the day on which it applies, every day if null.
        pub weekday: Option<Weekday>,
        /// The first date on which it applies.
        #[serde(default, deserialize_with = "calendar::optional")]
        pub valid_from: Option<NaiveDate>,
        /// The last date on which it applies. For date and holiday, defaults to valid_from.
        #[serde(default, deserialize_with = "calendar::optional")]
        pub valid_until: Option<NaiveDate>,
        pub start_time: Option<ClockTime>,
        pub end_time: Option<ClockTime>,
        pub note: Option<String>,
    }

    /// Parameters of UpdateSchedule: omitted fields are unchanged, null clears.
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
        /// The providers; all active ones if empty. Providers with weekly hours keep them.
        #[serde(default)]
        pub provider_ids: Vec<ProviderId>,
        /// The days; Monday to Friday if empty.
        #[serde(default)]
        pub weekdays: Vec<Weekday>,
        /// Default 09:00.
        pub start_time: Option<ClockTime>,
        /// Default 17:00.
        pub end_time: Option<ClockTime>,
    }

    /// Parameters of CheckScheduleConflicts.
    #[derive(Default)]
    pub struct CheckScheduleConflicts {
        /// Only this provider.
        pub provider_id: Option<ProviderId>,
        /// Only this operatory.
        pub operatory_id: Option<OperatoryId>,
        /// The first date to check; default today.
        #[serde(default, deserialize_with = "calendar::optional")]
        pub date_from: Option<NaiveDate>,
        /// Number of dates, 1 to 366; default 92.
        #[schemars(range(min = 1, max = 366))]
        pub days: Option<u32>,
        /// Check as if this schedule existed too.
        pub proposed: Option<CreateSchedule>,
    }
}

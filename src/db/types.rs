//! The PostgreSQL types of the domain's types, in one place: ids are `uuid`; checked texts and lists of names are
//! `text`. A statement reads straight into a domain struct (`"phone AS \"phone: _\""`), and binds a value with
//! `value as _`.
//!
//! A stored value that violates a rule of `domain` was written by another program. It is an error
//! ([`sqlx::Error::ColumnDecode`]), not interpreted.

use sqlx::{
    Decode, Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef},
};
use uuid::Uuid;

use crate::domain::{
    AppointmentId, ChannelKind, Email, InvitationId, InvitationStatus, Locale, OperatoryId,
    OrganizationId, OrganizationStatus, OutboxId, OutboxStatus, PatientId, PhoneNumber, ProviderId,
    Role, ScheduleId, Slug, TimeZone, UserId,
    booking::{AppointmentStatus, ClockTime, ScheduleKind, Weekday},
    outbox::MessageKind,
    quarantine::QuarantineStatus,
    webhook::Scheme,
    webhook_event::EventStatus,
};

/// Stores types as `$Stored`: `decode` is `fn($Stored) -> Result<Self, impl Into<BoxDynError>>`, and `encode` is
/// `fn(&Self) -> impl Encode`.
macro_rules! stored_as {
    ($Stored:ty: $($Type:ty, $decode:expr, $encode:expr;)*) => {$(
        impl Type<Postgres> for $Type {
            fn type_info() -> PgTypeInfo {
                <$Stored as Type<Postgres>>::type_info()
            }

            fn compatible(ty: &PgTypeInfo) -> bool {
                <$Stored as Type<Postgres>>::compatible(ty)
            }
        }

        impl PgHasArrayType for $Type {
            fn array_type_info() -> PgTypeInfo {
                <$Stored as PgHasArrayType>::array_type_info()
            }
        }

        impl<'r> Decode<'r, Postgres> for $Type {
            fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
                let stored = <$Stored as Decode<'r, Postgres>>::decode(value)?;
                $decode(stored).map_err(Into::into)
            }
        }

        impl<'q> Encode<'q, Postgres> for $Type {
            fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
                Encode::<Postgres>::encode_by_ref(&$encode(self), buffer)
            }
        }
    )*};
}

/// Stores the types of ids as `uuid`.
macro_rules! ids {
    ($($Id:ty)*) => {
        stored_as! { Uuid: $($Id, |id| Ok::<_, BoxDynError>(<$Id>::from(id)), |id: &$Id| id.as_uuid();)* }
    };
}

/// Stores lists of names as `text`.
macro_rules! names {
    ($($Enum:ty)*) => {
        stored_as! { String: $($Enum, |name: String| name.parse::<$Enum>(), |one: &$Enum| one.as_str();)* }
    };
}

ids! {
    AppointmentId InvitationId OperatoryId OrganizationId OutboxId PatientId ProviderId ScheduleId UserId
}

names! {
    AppointmentStatus ChannelKind EventStatus InvitationStatus MessageKind OrganizationStatus OutboxStatus QuarantineStatus
    Role ScheduleKind Scheme
}

stored_as! { String:
    Email, |text: String| text.parse::<Email>(), Email::as_str;
    Locale, |text: String| text.parse::<Locale>(), Locale::as_str;
    PhoneNumber, |text: String| PhoneNumber::from_stored(&text), PhoneNumber::as_str;
    Slug, |text: String| Slug::from_stored(&text), Slug::as_str;
    TimeZone, |text: String| text.parse::<TimeZone>(), |zone: &TimeZone| zone.name();
}

stored_as! { i16:
    Weekday, |day| Weekday::from_iso(day).ok_or("not a day of the week"), |day: &Weekday| day.iso();
    ClockTime, clock_time, |time: &ClockTime| time.minutes().cast_signed();
}

fn clock_time(minutes: i16) -> Result<ClockTime, &'static str> {
    let minutes = u16::try_from(minutes).ok();
    minutes
        .and_then(ClockTime::from_minutes)
        .ok_or("not a time of day in minutes")
}

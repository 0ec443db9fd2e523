//! Identifiers: one type per kind of object, so that they cannot be confused.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::suggest::quoted;

macro_rules! id {
    ($(#[$meta:meta])* $Name:ident, $what:literal) => {
        $(#[$meta])*
        ///
        /// The default is the nil UUID, which no row has.
        #[derive(
            Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize,
            JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $Name(Uuid);

        impl $Name {
            /// The bare UUID, as the database stores it.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $Name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$Name> for Uuid {
            fn from(id: $Name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
            }
        }

        impl FromStr for $Name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                parse($what, text).map(Self)
            }
        }
    };
}

id!(
    /// The id of an organization: a tenant.
    OrganizationId,
    "organization id"
);
id!(
    /// The id of a user; users are global and may belong to several organizations.
    UserId,
    "user id"
);
id!(
    /// The id of an invitation.
    InvitationId,
    "invitation id"
);
id!(
    /// The id of a message in the outbox.
    OutboxId,
    "message id"
);
id!(
    /// The id of an entry of the activity log.
    ActivityId,
    "activity id"
);
id!(
    /// The id of a patient.
    PatientId,
    "patient id"
);
id!(
    /// The id of a provider.
    ProviderId,
    "provider id"
);
id!(
    /// The id of an operatory.
    OperatoryId,
    "operatory id"
);
id!(
    /// The id of a schedule.
    ScheduleId,
    "schedule id"
);
id!(
    /// The id of an appointment.
    AppointmentId,
    "appointment id"
);

fn parse(what: &str, text: &str) -> Result<Uuid> {
    Uuid::try_parse(text.trim()).map_err(|cause| {
        let value = quoted(text);
        Error::bad_input(format!("{value} is not a valid {what}: it must be a UUID"))
            .because(cause)
            .hint("a UUID looks like 01890a5d-ac96-774b-bcce-b302099a8057")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    const TEXT: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    #[test]
    fn an_id_reads_what_it_prints() {
        let id: OrganizationId = TEXT.parse().unwrap();
        assert_eq!(id.to_string(), TEXT);
        assert_eq!(OrganizationId::from(id.as_uuid()), id);
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{TEXT}\""));
        assert_eq!(format!("[{id:>38}]"), format!("[  {TEXT}]"));
    }

    #[test]
    fn other_spellings_of_a_uuid_mean_the_same() {
        for text in [
            TEXT.to_uppercase(),
            TEXT.replace('-', ""),
            format!(" {TEXT}\n"),
        ] {
            assert_eq!(text.parse::<UserId>().unwrap().to_string(), TEXT);
        }
    }

    #[test]
    fn anything_else_is_refused_with_value_and_rule() {
        for text in ["", "harbor-clinic", "01890a5d-ac96-774b-bcce-b302099a805"] {
            let error = text.parse::<InvitationId>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadInput);
            assert!(error.to_string().contains(&format!("{text:?}")));
            assert!(error.to_string().contains("invitation id"));
        }
    }
}

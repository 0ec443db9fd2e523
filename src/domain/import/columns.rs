//! The columns of each kind: their names, synonyms and contents.

use serde::Serialize;

use super::ImportKind;

/// A column of a kind.
#[derive(Debug, Serialize)]
pub struct Column {
    pub name: &'static str,
    pub required: bool,
    /// Alternative header names; compared without case, accents, spaces and punctuation.
    pub synonyms: &'static [&'static str],
    pub about: &'static str,
    /// The values in the template's rows.
    pub examples: [&'static str; 2],
}

/// The columns of `kind`, in the order of the template.
pub const fn columns(kind: ImportKind) -> &'static [Column] {
    match kind {
        ImportKind::Members => MEMBERS,
        ImportKind::Patients => PATIENTS,
        ImportKind::Providers => PROVIDERS,
        ImportKind::Operatories => OPERATORIES,
        ImportKind::Schedules => SCHEDULES,
        ImportKind::Appointments => APPOINTMENTS,
        ImportKind::Organizations => ORGANIZATIONS,
    }
}

/// The column with the organization of a row, for kinds with rows of many organizations in one file.
pub const ORGANIZATION: Column = Column {
    name: "organization",
    required: false,
    synonyms: &["organisation", "org", "tenant", "clinic", "practice"],
    about: "The slug of the organization, for a file with rows of several (without --org).",
    examples: ["harbor", "sunrise"],
};

const EXTERNAL_ID: Column = Column {
    name: "external_id",
    required: false,
    synonyms: &["id", "number", "no", "code", "key", "externalnumber"],
    about: "The id in the practice's own system, unique in the organization: the key that identifies the row in a later import.",
    examples: ["1001", "1002"],
};

const EMAIL: Column = Column {
    name: "email",
    required: false,
    synonyms: &["mail", "emailaddress", "correo", "courriel"],
    about: "The email address.",
    examples: ["maria@harbor.example", ""],
};

const PHONE: Column = Column {
    name: "phone",
    required: false,
    synonyms: &[
        "telephone",
        "phonenumber",
        "telephonenumber",
        "mobile",
        "mobilephone",
        "cell",
        "cellphone",
        "tel",
        "telefon",
        "telefonnummer",
        "handy",
        "telefono",
        "movil",
    ],
    about: "The phone number: + and the country code, or the national format of the organization's region.",
    examples: ["+41 44 364 35 32", ""],
};

const NOTES: Column = Column {
    name: "notes",
    required: false,
    synonyms: &[
        "note",
        "comment",
        "comments",
        "remark",
        "remarks",
        "bemerkung",
        "bemerkungen",
    ],
    about: "Free text; several lines if quoted.",
    examples: ["", "Prefers mornings"],
};

const PATIENTS: &[Column] = &[
    Column {
        synonyms: &[
            "id",
            "number",
            "no",
            "patientid",
            "patientnumber",
            "patientno",
            "patnum",
            "chartnumber",
            "mrn",
            "patientennummer",
            "patientennr",
            "code",
            "key",
        ],
        ..EXTERNAL_ID
    },
    Column {
        name: "first_name",
        required: true,
        synonyms: &[
            "givenname",
            "forename",
            "fname",
            "vorname",
            "prenom",
            "nombre",
        ],
        about: "The given names, in any script.",
        examples: ["Maria", "Jean-Luc"],
    },
    Column {
        name: "last_name",
        required: true,
        synonyms: &[
            "surname",
            "familyname",
            "lname",
            "nachname",
            "name",
            "nomdefamille",
            "nom",
            "apellido",
            "apellidos",
        ],
        about: "The family names.",
        examples: ["García Márquez", "Müller"],
    },
    Column {
        name: "birth_date",
        required: false,
        synonyms: &[
            "dateofbirth",
            "dob",
            "birthday",
            "birthdate",
            "born",
            "geburtsdatum",
            "geboren",
            "datedenaissance",
            "fechadenacimiento",
        ],
        about: "The date of birth: year, month, day; in another order with --dates dmy or mdy.",
        examples: ["1984-03-09", "1971-11-30"],
    },
    PHONE,
    EMAIL,
    Column {
        name: "language",
        required: false,
        synonyms: &["lang", "locale", "sprache", "langue", "idioma"],
        about: "The language tag: de-CH, en.",
        examples: ["es", "fr-CH"],
    },
    NOTES,
];

const PROVIDERS: &[Column] = &[
    Column {
        synonyms: &[
            "id",
            "number",
            "no",
            "providerid",
            "providernumber",
            "code",
            "key",
        ],
        examples: ["D-7", "H-2"],
        ..EXTERNAL_ID
    },
    Column {
        name: "name",
        required: true,
        synonyms: &[
            "provider",
            "providername",
            "fullname",
            "doctor",
            "dentist",
            "behandler",
        ],
        about: "The name. Without an external_id, email and then name are the key.",
        examples: ["Dr. Ana Keller", "Sam Ortiz"],
    },
    Column {
        name: "specialty",
        required: false,
        synonyms: &["speciality", "specialisation", "profession", "fachgebiet"],
        about: "The field of work.",
        examples: ["Orthodontics", "Hygiene"],
    },
    Column {
        examples: ["ana@harbor.example", ""],
        ..EMAIL
    },
    PHONE,
];

const OPERATORIES: &[Column] = &[
    Column {
        synonyms: &[
            "id",
            "number",
            "no",
            "operatoryid",
            "roomnumber",
            "code",
            "key",
        ],
        examples: ["R1", "R2"],
        ..EXTERNAL_ID
    },
    Column {
        name: "name",
        required: true,
        synonyms: &[
            "operatory",
            "operatoryname",
            "room",
            "chair",
            "zimmer",
            "stuhl",
        ],
        about: "The name. Without an external_id it is the key.",
        examples: ["Room 1", "Room 2"],
    },
    Column {
        examples: ["", "No X-ray"],
        ..NOTES
    },
];

const PROVIDER_REFERENCE: Column = Column {
    name: "provider",
    required: false,
    synonyms: &[
        "providerid",
        "providername",
        "doctor",
        "dentist",
        "behandler",
    ],
    about: "The provider: external_id, id, email or name.",
    examples: ["D-7", "Sam Ortiz"],
};

const OPERATORY_REFERENCE: Column = Column {
    name: "operatory",
    required: false,
    synonyms: &["operatoryid", "operatoryname", "room", "chair", "zimmer"],
    about: "The operatory: external_id, id or name.",
    examples: ["R1", ""],
};

const SCHEDULES: &[Column] = &[
    Column {
        name: "kind",
        required: true,
        synonyms: &["type", "art"],
        about: "weekly, date, holiday or blockout.",
        examples: ["weekly", "holiday"],
    },
    Column {
        examples: ["D-7", ""],
        ..PROVIDER_REFERENCE
    },
    Column {
        examples: ["", ""],
        ..OPERATORY_REFERENCE
    },
    Column {
        name: "weekday",
        required: false,
        synonyms: &["day", "dayofweek", "wochentag"],
        about: "monday to sunday, or 1 to 7; for the kind weekly.",
        examples: ["monday", ""],
    },
    Column {
        name: "valid_from",
        required: false,
        synonyms: &["from", "date", "startdate", "von", "datum"],
        about: "The first valid date.",
        examples: ["", "2027-12-24"],
    },
    Column {
        name: "valid_until",
        required: false,
        synonyms: &["until", "to", "enddate", "bis"],
        about: "The last valid date; if empty, that of valid_from for the kinds date and holiday.",
        examples: ["", "2027-12-26"],
    },
    Column {
        name: "start",
        required: false,
        synonyms: &["starttime", "opens", "begin", "beginn"],
        about: "Local time of the organization: 09:00. Not for holidays.",
        examples: ["09:00", ""],
    },
    Column {
        name: "end",
        required: false,
        synonyms: &["endtime", "closes", "ende"],
        about: "Local time: 17:00, at most 24:00.",
        examples: ["17:00", ""],
    },
    Column {
        name: "note",
        required: false,
        synonyms: &["notes", "comment", "remark", "bemerkung"],
        about: "Free text.",
        examples: ["", "Christmas"],
    },
];

const APPOINTMENTS: &[Column] = &[
    Column {
        synonyms: &[
            "id",
            "number",
            "no",
            "appointmentid",
            "appointmentnumber",
            "code",
            "key",
        ],
        about: "The id in the practice's own system, unique in the organization. Without one, patient, provider and start are the key.",
        examples: ["A-1", "A-2"],
        ..EXTERNAL_ID
    },
    Column {
        name: "patient",
        required: true,
        synonyms: &["patientid", "patientnumber", "patientname", "patnum", "mrn"],
        about: "The patient: external_id, id, email or name.",
        examples: ["1001", "Jean-Luc Müller"],
    },
    Column {
        required: true,
        ..PROVIDER_REFERENCE
    },
    OPERATORY_REFERENCE,
    Column {
        name: "starts_at",
        required: true,
        synonyms: &["start", "starttime", "datetime", "begin", "beginn", "when"],
        about: "Date and time, local to the organization or with an offset: 2027-05-19T09:00, 2027-05-19 09:00+02:00.",
        examples: ["2027-05-19T09:00", "2027-05-19T10:30"],
    },
    Column {
        name: "ends_at",
        required: false,
        synonyms: &["end", "endtime", "until", "ende"],
        about: "The end, in the same format; or use length_minutes.",
        examples: ["2027-05-19T09:30", ""],
    },
    Column {
        name: "length_minutes",
        required: false,
        synonyms: &["length", "duration", "minutes", "durationminutes", "dauer"],
        about: "The duration in minutes; 30 if neither is given.",
        examples: ["", "45"],
    },
    Column {
        name: "status",
        required: false,
        synonyms: &["state"],
        about: "scheduled (default), confirmed, completed, broken or cancelled.",
        examples: ["", "confirmed"],
    },
    Column {
        name: "service",
        required: false,
        synonyms: &["procedure", "treatment", "reason", "leistung"],
        about: "The service or treatment.",
        examples: ["Check-up", "Filling"],
    },
    NOTES,
    Column {
        name: "broken_reason",
        required: false,
        synonyms: &["brokenreason", "cancelreason"],
        about: "The reason; required for the status broken, not allowed for others.",
        examples: ["", ""],
    },
];

const MEMBERS: &[Column] = &[
    Column {
        required: true,
        examples: ["sam@harbor.example", "ann@harbor.example"],
        ..EMAIL
    },
    Column {
        name: "role",
        required: false,
        synonyms: &["rolle", "permission", "access"],
        about: "owner, admin, member or viewer; if empty, new members are member and existing ones are unchanged.",
        examples: ["admin", ""],
    },
];

const ORGANIZATIONS: &[Column] = &[
    Column {
        name: "name",
        required: true,
        synonyms: &[
            "organization",
            "organisation",
            "clinic",
            "practice",
            "company",
            "organizationname",
        ],
        about: "The display name.",
        examples: ["Harbor Clinic", "Sunrise Dental"],
    },
    Column {
        name: "slug",
        required: false,
        synonyms: &["handle", "shortname"],
        about: "The short name in commands: the key. Derived from the name if empty.",
        examples: ["harbor", ""],
    },
    Column {
        name: "owner",
        required: false,
        synonyms: &["email", "owneremail", "mail", "contact"],
        about: "Owner's email. Existing users become owner immediately; others are invited. Ignored for an existing organization.",
        examples: ["maria@harbor.example", ""],
    },
    Column {
        name: "time_zone",
        required: false,
        synonyms: &["timezone", "zone", "tz", "zeitzone"],
        about: "The IANA time zone; if empty, the configured default.",
        examples: ["Europe/Zurich", "America/New_York"],
    },
    Column {
        name: "locale",
        required: false,
        synonyms: &["language", "lang", "sprache"],
        about: "The language tag; if empty, the configured default.",
        examples: ["de-CH", "en-US"],
    },
];

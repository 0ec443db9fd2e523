-- The booking data: patients, providers, operatories, schedules and appointments.

-- Lets one exclusion constraint compare ids for equality and times for overlap. It is a trusted
-- extension: whoever may create in the database may add it (PostgreSQL manual, F.8).
CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE patients (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id              uuid NOT NULL,
    -- The id in the practice's own system.
    external_id     text CHECK (external_id <> ''),
    first_name      text NOT NULL CHECK (first_name <> ''),
    last_name       text NOT NULL CHECK (last_name <> ''),
    -- Both names without accents and case, as lists are sorted; in the order of bytes, so that it
    -- is the same on every server.
    sort_name       text COLLATE "C" NOT NULL,
    birth_date      date,
    phone           text CHECK (phone ~ '^\+[0-9]{3,15}$'),
    email           text CHECK (email = lower(email) AND email <> ''),
    language        text,
    notes           text,
    archived_at     timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, external_id)
);
CREATE INDEX patients_sort_name_idx ON patients (organization_id, sort_name, id);
CREATE INDEX patients_phone_idx ON patients (organization_id, phone);
CREATE INDEX patients_email_idx ON patients (organization_id, email);
CREATE INDEX patients_birth_date_idx ON patients (organization_id, birth_date);

-- Each part of a patient's names, folded: a search by the beginnings of names is a range of this
-- index, inside the organization. Written with the patient, gone with the patient.
CREATE TABLE patient_name_parts (
    organization_id uuid NOT NULL,
    part            text COLLATE "C" NOT NULL CHECK (part <> ''),
    patient_id      uuid NOT NULL,
    PRIMARY KEY (organization_id, part, patient_id),
    FOREIGN KEY (organization_id, patient_id)
        REFERENCES patients (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX patient_name_parts_patient_idx ON patient_name_parts (organization_id, patient_id);

CREATE TABLE providers (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id              uuid NOT NULL,
    external_id     text CHECK (external_id <> ''),
    name            text NOT NULL CHECK (name <> ''),
    sort_name       text COLLATE "C" NOT NULL,
    -- Name and specialty without accents and case.
    search_text     text NOT NULL,
    specialty       text,
    email           text CHECK (email = lower(email) AND email <> ''),
    phone           text CHECK (phone ~ '^\+[0-9]{3,15}$'),
    archived_at     timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, external_id)
);
CREATE INDEX providers_sort_name_idx ON providers (organization_id, sort_name, id);

CREATE TABLE operatories (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id              uuid NOT NULL,
    external_id     text CHECK (external_id <> ''),
    name            text NOT NULL CHECK (name <> ''),
    sort_name       text COLLATE "C" NOT NULL,
    notes           text,
    archived_at     timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, external_id)
);
CREATE INDEX operatories_sort_name_idx ON operatories (organization_id, sort_name, id);

-- On the organization's clock: dates and minutes of the day, 1440 being its end, which the type
-- "time" of programs cannot say.
CREATE TABLE schedules (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id              uuid NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('weekly', 'date', 'holiday', 'blockout')),
    -- Neither: of the whole organization.
    provider_id     uuid,
    operatory_id    uuid,
    -- ISO 8601: Monday is 1.
    weekday         smallint CHECK (weekday BETWEEN 1 AND 7),
    valid_from      date,
    valid_until     date,
    start_minute    smallint CHECK (start_minute BETWEEN 0 AND 1440),
    end_minute      smallint CHECK (end_minute BETWEEN 0 AND 1440),
    note            text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, provider_id)
        REFERENCES providers (organization_id, id) ON DELETE CASCADE,
    FOREIGN KEY (organization_id, operatory_id)
        REFERENCES operatories (organization_id, id) ON DELETE CASCADE,
    CHECK (provider_id IS NULL OR operatory_id IS NULL),
    CHECK (valid_from <= valid_until),
    CHECK (start_minute < end_minute),
    CHECK ((kind = 'holiday') = (start_minute IS NULL) AND (kind = 'holiday') = (end_minute IS NULL)),
    CHECK (kind <> 'weekly' OR weekday IS NOT NULL),
    CHECK (kind NOT IN ('date', 'holiday')
           OR (weekday IS NULL AND valid_from IS NOT NULL AND valid_until IS NOT NULL))
);
CREATE INDEX schedules_provider_idx ON schedules (organization_id, provider_id);
CREATE INDEX schedules_operatory_idx ON schedules (organization_id, operatory_id);

CREATE TABLE appointments (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id              uuid NOT NULL,
    external_id     text CHECK (external_id <> ''),
    patient_id      uuid NOT NULL,
    provider_id     uuid NOT NULL,
    operatory_id    uuid,
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL,
    status          text NOT NULL CHECK (status IN ('scheduled', 'confirmed', 'completed', 'broken', 'cancelled')),
    service         text,
    notes           text,
    broken_reason   text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, external_id),
    FOREIGN KEY (organization_id, patient_id) REFERENCES patients (organization_id, id),
    FOREIGN KEY (organization_id, provider_id) REFERENCES providers (organization_id, id),
    FOREIGN KEY (organization_id, operatory_id) REFERENCES operatories (organization_id, id),
    -- A day at most: what is under way at a moment has begun in the 24 hours before it.
    CHECK (ends_at > starts_at AND ends_at <= starts_at + interval '24 hours'),
    -- Kept when it is booked again.
    CHECK (status <> 'broken' OR broken_reason IS NOT NULL),
    CONSTRAINT appointments_provider_free EXCLUDE USING gist
        (organization_id WITH =, provider_id WITH =, tstzrange(starts_at, ends_at) WITH &&)
        WHERE (status IN ('scheduled', 'confirmed', 'completed')),
    CONSTRAINT appointments_operatory_free EXCLUDE USING gist
        (organization_id WITH =, operatory_id WITH =, tstzrange(starts_at, ends_at) WITH &&)
        WHERE (status IN ('scheduled', 'confirmed', 'completed'))
);
CREATE INDEX appointments_starts_at_idx ON appointments (organization_id, starts_at, id);
CREATE INDEX appointments_patient_idx ON appointments (organization_id, patient_id, starts_at);
CREATE INDEX appointments_provider_idx ON appointments (organization_id, provider_id, starts_at);
CREATE INDEX appointments_operatory_idx ON appointments (organization_id, operatory_id, starts_at);

-- Who read which patient's record, a row for each. Append-only, and not part of the chain of hashes:
-- readers never queue behind each other. It names ids only and refers to no row, so that it outlives
-- a patient's erasure.
CREATE TABLE access_log (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id              uuid NOT NULL,
    occurred_at     timestamptz NOT NULL,
    actor           text NOT NULL,
    -- The booking function that showed it.
    function        text NOT NULL,
    patient_id      uuid NOT NULL,
    request_id      uuid NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX access_log_patient_idx ON access_log (organization_id, patient_id, id);

ALTER TABLE patients ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON patients
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE patient_name_parts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON patient_name_parts
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE providers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON providers
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE operatories ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON operatories
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE schedules ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON schedules
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE appointments ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON appointments
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

ALTER TABLE access_log ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON access_log
    USING (organization_id = app_organization_id())
    WITH CHECK (organization_id = app_organization_id());

GRANT SELECT, INSERT, DELETE
    ON patients, patient_name_parts, providers, operatories, schedules, appointments TO tenant_app;
GRANT UPDATE (external_id, first_name, last_name, sort_name, birth_date, phone, email, language,
              notes, archived_at, updated_at) ON patients TO tenant_app;
GRANT UPDATE (external_id, name, sort_name, search_text, specialty, email, phone, archived_at,
              updated_at) ON providers TO tenant_app;
GRANT UPDATE (external_id, name, sort_name, notes, archived_at, updated_at)
    ON operatories TO tenant_app;
GRANT UPDATE (weekday, valid_from, valid_until, start_minute, end_minute, note, updated_at)
    ON schedules TO tenant_app;
GRANT UPDATE (external_id, patient_id, provider_id, operatory_id, starts_at, ends_at, status,
              service, notes, broken_reason, updated_at) ON appointments TO tenant_app;
GRANT SELECT, INSERT ON access_log TO tenant_app;

-- Imports: what was imported when, and where one in steps stands. The platform's own, because a file
-- may fill many organizations; no tenant role has any right on it. It holds no row of a file.
CREATE TABLE import_jobs (
    id             uuid PRIMARY KEY,
    kind           text NOT NULL CHECK (kind <> ''),
    -- The slug at that time; null: the file says of each row whose it is.
    organization   text,
    file_name      text NOT NULL,
    file_sha256    bytea NOT NULL CHECK (length(file_sha256) = 32),
    options        jsonb NOT NULL,
    actor          text NOT NULL,
    status         text NOT NULL CHECK (status IN ('running', 'stopped', 'done')),
    -- Records of the file that are dealt with, in the transaction that dealt with them.
    records        bigint NOT NULL CHECK (records >= 0),
    new_rows       bigint NOT NULL,
    changed_rows   bigint NOT NULL,
    unchanged_rows bigint NOT NULL,
    skipped_rows   bigint NOT NULL,
    rejected_rows  bigint NOT NULL,
    reject_file    text,
    -- Bytes of the reject file that belong to those records.
    reject_bytes   bigint NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL
);
CREATE INDEX import_jobs_created_idx ON import_jobs (created_at);

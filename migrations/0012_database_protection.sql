-- A database that is protected asks for --confirm before anything in it is destroyed, by whatever
-- URL it is reached. At most one row; without one the database is not protected. The tenant role
-- has no right on it.

CREATE TABLE database_protection (
    only_row boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (only_row),
    label text NOT NULL CHECK (length(label) BETWEEN 1 AND 200),
    protected_at timestamptz NOT NULL,
    protected_by text NOT NULL
);

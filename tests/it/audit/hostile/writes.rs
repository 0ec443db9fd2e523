//! Doors to code that changes open.

use super::{Trap, Who};

#[test]
fn a_default() {
    let trap = Trap::new(
        "CREATE TABLE files (id int PRIMARY KEY, tenant_id int NOT NULL, good boolean);
         INSERT INTO files VALUES (1, 1, true), (2, 2, true);
         ALTER TABLE files ALTER good SET DEFAULT evil();
         GRANT SELECT, INSERT, UPDATE, DELETE ON files TO {app}",
    );
    let reports = trap.spring();
    reports.assert_not_changed("public.files");
}

#[test]
fn a_generated_column() {
    let trap = Trap::new(
        "CREATE TABLE files (id int PRIMARY KEY, tenant_id int NOT NULL,
                             twice int GENERATED ALWAYS AS (evil_of(id)) STORED);
         INSERT INTO files VALUES (1, 1), (2, 2);
         GRANT SELECT, INSERT, UPDATE, DELETE ON files TO {app}",
    );
    trap.spring().assert_not_changed("public.files");
}

#[test]
fn a_trigger() {
    let trap = Trap::new(
        "CREATE FUNCTION on_change() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN PERFORM evil(); RETURN coalesce(NEW, OLD); END $$;
         CREATE TRIGGER on_change BEFORE INSERT OR UPDATE OR DELETE ON notes
             FOR EACH ROW EXECUTE FUNCTION on_change()",
    );
    let reports = trap.spring();
    reports.assert_not_changed("public.notes");
    // Reading fires none.
    reports.assert_attacked(Who::Superuser, "public.notes");
}

/// A row that is deleted takes others along, whose triggers fire.
#[test]
fn a_trigger_behind_a_cascade() {
    let trap = Trap::new(
        "CREATE TABLE lines (id int PRIMARY KEY, note_id int REFERENCES notes ON DELETE CASCADE);
         INSERT INTO lines VALUES (1, 1), (2, 2);
         CREATE FUNCTION on_change() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN PERFORM evil(); RETURN OLD; END $$;
         CREATE TRIGGER on_change BEFORE DELETE ON lines
             FOR EACH ROW EXECUTE FUNCTION on_change()",
    );
    trap.spring().assert_not_changed("public.notes");
}

/// A role with TRIGGER on a superuser's table need not own it.
#[test]
fn a_trigger_of_another_role() {
    let trap = Trap::with(
        "CREATE FUNCTION on_change() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN PERFORM evil(); RETURN coalesce(NEW, OLD); END $$",
        "CREATE TABLE files (id int PRIMARY KEY, tenant_id int NOT NULL);
         INSERT INTO files VALUES (1, 1), (2, 2);
         GRANT SELECT, INSERT, UPDATE, DELETE ON files TO {app};
         GRANT TRIGGER ON files TO {owner};
         SET ROLE {owner};
         CREATE TRIGGER on_change BEFORE INSERT OR UPDATE OR DELETE ON files
             FOR EACH ROW EXECUTE FUNCTION on_change()",
    );
    trap.spring().assert_not_changed("public.files");
}

#[test]
fn a_rule() {
    let trap = Trap::new(
        "CREATE TABLE files (id int PRIMARY KEY, tenant_id int NOT NULL);
         INSERT INTO files VALUES (1, 1), (2, 2);
         CREATE RULE also AS ON INSERT TO files DO ALSO SELECT evil();
         CREATE RULE tell AS ON UPDATE TO files DO ALSO NOTIFY files;
         GRANT SELECT, INSERT, UPDATE, DELETE ON files TO {app}",
    );
    trap.spring().assert_not_changed("public.files");
}

#[test]
fn the_difference_of_a_range() {
    let trap = Trap::new(
        "CREATE FUNCTION apart(a int, b int) RETURNS float8 IMMUTABLE LANGUAGE plpgsql AS $$
         BEGIN PERFORM evil(); RETURN a - b; END $$;
         CREATE TYPE span AS RANGE (SUBTYPE = int, SUBTYPE_DIFF = apart);
         CREATE TABLE files (id int PRIMARY KEY, tenant_id int NOT NULL, span span);
         INSERT INTO files VALUES (1, 1, '[1,2)'), (2, 2, '[1,2)');
         CREATE INDEX ON files USING gist (span);
         GRANT SELECT, INSERT, UPDATE, DELETE ON files TO {app}",
    );
    trap.spring().assert_not_changed("public.files");
}

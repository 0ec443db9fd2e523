//! Functions that run as somebody else, and those that run before the policies.

use super::{grants::NOTES, lab::Lab};
use tenantctl::audit::report::Severity;

/// A path that leaves nothing to find about it.
const SAFE: &str = "SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp";

const SESSION: &str = "nullif(current_setting('app.tenant', true), '')::uuid";

/// Functions of the owner, whom no policy binds: it is not forced.
fn lab(functions: &str) -> Lab {
    Lab::new(&format!(
        "{NOTES} GRANT SELECT ON organizations, notes TO {{app}};
         ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
         {functions}; GRANT EXECUTE ON ALL ROUTINES IN SCHEMA public TO {{app}};"
    ))
}

fn sql(signature: &str, body: &str) -> Lab {
    lab(&format!(
        "CREATE FUNCTION {signature} LANGUAGE sql {SAFE} AS $$ {body} $$"
    ))
}

fn plpgsql(signature: &str, body: &str) -> Lab {
    lab(&format!(
        "CREATE FUNCTION {signature} LANGUAGE plpgsql {SAFE} AS $$ BEGIN {body} END $$"
    ))
}

#[test]
fn a_body_that_never_asks_the_session_is_told() {
    let lab = sql("f() RETURNS SETOF text", "SELECT body FROM notes");
    assert_eq!(
        lab.assert_fixable("definer-unfiltered", "public.f()")
            .severity,
        Severity::High
    );
    let lab = lab_parsed("SELECT body FROM notes");
    lab.assert_fixable("definer-unfiltered", "public.f()");
    let lab = plpgsql(
        "f() RETURNS SETOF notes",
        "RETURN QUERY SELECT * FROM public.notes;",
    );
    lab.assert_fixable("definer-unfiltered", "public.f()");
    let lab = plpgsql(
        "f() RETURNS SETOF notes",
        "RETURN QUERY EXECUTE 'SELECT * FROM notes';",
    );
    lab.assert_fixable("definer-unfiltered", "public.f()");
}

fn lab_parsed(query: &str) -> Lab {
    lab(&format!(
        "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC {query}; END"
    ))
}

#[test]
fn an_argument_is_no_filter() {
    let lab = sql(
        "f(org uuid) RETURNS SETOF text",
        "SELECT body FROM notes WHERE organization_id = org",
    );
    lab.assert_fixable("definer-unfiltered", "public.f(org uuid)");
}

#[test]
fn a_body_that_writes_is_told() {
    let lab = plpgsql(
        "f(org uuid) RETURNS void",
        "DELETE FROM notes WHERE organization_id = org;",
    );
    let finding = lab.assert_fixable("definer-unfiltered", "public.f(org uuid)");
    assert!(
        finding.message.contains("writes public.notes"),
        "{}",
        finding.message
    );
}

#[test]
fn a_statement_that_the_caller_hands_in_is_told() {
    let lab = plpgsql("f(statement text) RETURNS void", "EXECUTE statement;");
    lab.assert_fixable("definer-unfiltered", "public.f(statement text)");
    let lab = plpgsql("f(statement text) RETURNS void", "EXECUTE 'SELECT 1';");
    lab.assert_silent("definer-unfiltered");
}

#[test]
fn current_user_is_the_owner_inside() {
    let lab = sql(
        "f() RETURNS SETOF text",
        "SELECT body FROM notes WHERE body <> current_user",
    );
    lab.assert_fixable("definer-unfiltered", "public.f()");
}

#[test]
fn what_is_read_through_a_view_is_told() {
    let lab = lab(&format!(
        "CREATE VIEW all_notes AS SELECT organization_id, body FROM notes;
         CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql {SAFE} AS $$ SELECT body FROM all_notes $$"
    ));
    lab.assert_fixable("definer-unfiltered", "public.f()");
    lab.run("ALTER FUNCTION f() SECURITY DEFINER; ALTER TABLE notes FORCE ROW LEVEL SECURITY;");
    lab.assert_silent("definer-unfiltered");
}

#[test]
fn a_body_that_asks_the_session_is_not_told() {
    sql(
        "f() RETURNS SETOF text",
        &format!("SELECT body FROM notes WHERE organization_id = {SESSION}"),
    )
    .assert_silent("definer-unfiltered");
    lab_parsed(&format!(
        "SELECT body FROM notes WHERE organization_id = {SESSION}"
    ))
    .assert_silent("definer-unfiltered");
    let helper = format!(
        "CREATE FUNCTION tenant() RETURNS uuid LANGUAGE sql STABLE RETURN {SESSION};
         CREATE FUNCTION f() RETURNS SETOF text LANGUAGE plpgsql {SAFE} AS $$
         BEGIN RETURN QUERY SELECT body FROM notes WHERE organization_id = tenant(); END $$"
    );
    lab(&helper).assert_silent("definer-unfiltered");
}

#[test]
fn what_hands_no_rows_out_is_not_told() {
    for (signature, body) in [
        (
            "f(a uuid) RETURNS boolean",
            "SELECT EXISTS (SELECT FROM notes WHERE id = a)",
        ),
        (
            "f(a text) RETURNS SETOF uuid",
            "SELECT organization_id FROM notes WHERE token_hash = md5(a)",
        ),
        (
            "f(a text) RETURNS uuid",
            "INSERT INTO organizations VALUES (gen_random_uuid(), a) RETURNING id",
        ),
        ("f() RETURNS integer", "SELECT 1"),
    ] {
        sql(signature, body).assert_silent("definer-unfiltered");
    }
}

#[test]
fn who_is_bound_or_cannot_call_is_not_told() {
    let body = "SELECT body FROM notes";
    let lab = sql("f() RETURNS SETOF text", body);
    lab.run("REVOKE EXECUTE ON FUNCTION f() FROM {app}");
    lab.assert_silent("definer-unfiltered");
    lab.run("GRANT EXECUTE ON FUNCTION f() TO {app}; ALTER TABLE notes FORCE ROW LEVEL SECURITY");
    lab.assert_silent("definer-unfiltered");
    lab.run("ALTER TABLE notes NO FORCE ROW LEVEL SECURITY");
    lab.assert_fires("definer-unfiltered", "public.f()");
    let invoker =
        "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql AS $$ SELECT body FROM notes $$";
    self::lab(invoker).assert_silent("definer-unfiltered");
}

#[test]
fn a_trigger_is_not_called() {
    let lab = plpgsql(
        "f() RETURNS trigger",
        "UPDATE notes SET body = ''; RETURN NEW;",
    );
    lab.assert_silent("definer-unfiltered");
    lab.assert_silent("definer-public");
}

/// What a trigger finds goes into the row of who wrote it.
#[test]
fn a_trigger_that_finds_rows_by_what_was_written_is_told() {
    let quoting = |columns: &str, condition: &str| {
        let lab = lab(&format!(
            "CREATE TABLE quotes (organization_id uuid NOT NULL REFERENCES organizations, id uuid,
                 note_id uuid NOT NULL, body text, PRIMARY KEY (organization_id, id){columns});
             ALTER TABLE quotes ENABLE ROW LEVEL SECURITY;
             CREATE POLICY tenant ON quotes USING (organization_id = {SESSION});
             CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql {SAFE} AS $$ BEGIN
                 SELECT n.body INTO NEW.body FROM notes n WHERE {condition}; RETURN NEW; END $$;
             CREATE TRIGGER fill BEFORE INSERT ON quotes FOR EACH ROW EXECUTE FUNCTION fill()"
        ));
        lab.run("GRANT SELECT, INSERT ON quotes TO {app}");
        lab
    };
    let lab = quoting("", "n.id = NEW.note_id");
    // The attack is real: the text of B's note is in A's row.
    lab.run(
        "UPDATE notes SET id = organization_id; SET ROLE {app};
         SET app.tenant = '11111111-1111-1111-1111-111111111111';
         INSERT INTO quotes VALUES ('11111111-1111-1111-1111-111111111111', gen_random_uuid(),
                                    '22222222-2222-2222-2222-222222222222');
         DO $$ BEGIN IF NOT EXISTS (SELECT FROM quotes WHERE body = 'B') THEN
             RAISE 'nothing was reached'; END IF; END $$",
    );
    let finding = lab.assert_fixable("definer-unfiltered", "public.fill()");
    assert!(
        finding.message.contains("reads public.notes"),
        "{}",
        finding.message
    );
    let carried = ", FOREIGN KEY (organization_id, note_id) REFERENCES notes";
    quoting(carried, "n.id = NEW.note_id").assert_silent("definer-unfiltered");
    quoting(
        "",
        "n.id = NEW.note_id AND n.organization_id = NEW.organization_id",
    )
    .assert_silent("definer-unfiltered");
    quoting("", "n.id = NEW.id").assert_silent("definer-unfiltered");
}

/// A parent that makes the row the tenant's is the tenant's own, and so is what only adds a row.
#[test]
fn a_trigger_that_stays_in_the_tenant_is_not_told() {
    let lab = lab(&format!(
        "ALTER TABLE notes ADD UNIQUE (id), ADD lines int;
         CREATE TABLE lines (id uuid PRIMARY KEY, note_id uuid NOT NULL REFERENCES notes (id), body text);
         CREATE TABLE history (organization_id uuid, body text);
         ALTER TABLE lines ENABLE ROW LEVEL SECURITY;
         CREATE POLICY tenant ON lines USING (note_id IN (SELECT id FROM notes));
         CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql {SAFE} AS $$ BEGIN
             UPDATE notes SET lines = lines + 1 WHERE id = NEW.note_id; RETURN NEW; END $$;
         CREATE TRIGGER counted AFTER INSERT ON lines FOR EACH ROW EXECUTE FUNCTION counted();
         CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql {SAFE} AS $$ BEGIN
             INSERT INTO history VALUES (NEW.organization_id, NEW.body); RETURN NEW; END $$;
         CREATE TRIGGER kept AFTER UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION kept()"
    ));
    lab.run("GRANT SELECT, INSERT ON lines TO {app}; GRANT UPDATE ON notes TO {app}");
    lab.assert_silent("definer-unfiltered");
}

#[test]
fn a_search_path_of_the_callers_is_told() {
    let lab = lab(
        "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql SECURITY DEFINER
                       AS $$ SELECT count(*) FROM public.notes $$",
    );
    lab.assert_fixable("definer-search-path", "public.f()");
}

#[test]
fn a_path_through_a_schema_of_the_callers_is_told() {
    let lab = lab(&format!(
        "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql {SAFE} AS $$ SELECT count(*) FROM public.notes $$;
         RESET ROLE; GRANT CREATE ON SCHEMA public TO {{app}}; SET ROLE {{owner}}"
    ));
    lab.assert_fixable("definer-search-path", "public.f()");
    let lab = lab_unset_and_open();
    lab.assert_fixable("definer-search-path", "public.f()");
}

/// Whoever writes a table runs the functions of its triggers.
#[test]
fn a_trigger_that_looks_names_up_where_its_writer_says_is_told() {
    let fired = |path: &str| {
        let lab = lab(&format!(
            "CREATE TABLE history (organization_id uuid, what text);
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {path} AS $$ BEGIN
                 INSERT INTO history VALUES (NEW.organization_id, TG_OP); RETURN NEW; END $$;
             CREATE TRIGGER note AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION note()"
        ));
        lab.run("GRANT INSERT ON notes TO {app}; REVOKE EXECUTE ON FUNCTION note() FROM {app}");
        lab
    };
    let lab = fired("");
    // The attack is real: what was to be noted went into a table of the writer's.
    lab.run(
        "SET ROLE {app}; SET app.tenant = '11111111-1111-1111-1111-111111111111';
         CREATE TEMP TABLE history (organization_id uuid, what text);
         GRANT INSERT ON history TO {owner};
         INSERT INTO notes VALUES ('11111111-1111-1111-1111-111111111111');
         DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_temp.history) THEN RAISE 'not fooled'; END IF; END $$",
    );
    lab.assert_silent("definer-unfiltered");
    let finding = lab.assert_fixable("definer-search-path", "public.note()");
    assert_eq!(finding.severity, Severity::Medium);
    let lab = fired("SET search_path = public");
    let finding = lab.assert_fixable("definer-search-path", "public.note()");
    assert_eq!(finding.severity, Severity::Low);
    fired("SET search_path = pg_catalog, public, pg_temp").assert_silent("definer-search-path");
}

#[test]
fn a_trigger_that_the_application_never_fires_is_not_told() {
    let lab = lab(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
             AS $$ BEGIN RETURN NEW; END $$;
         CREATE TRIGGER note AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION note()",
    );
    lab.run("GRANT UPDATE ON notes TO {app}");
    lab.assert_silent("definer-search-path");
    // A view writes the table for whoever may write the view.
    lab.run(
        "SET ROLE {owner}; CREATE VIEW mine AS SELECT * FROM notes; GRANT INSERT ON mine TO {app}",
    );
    lab.assert_fires("definer-search-path", "public.note()");
    lab.run("ALTER TABLE notes DISABLE TRIGGER note");
    lab.assert_silent("definer-search-path");
}

fn lab_unset_and_open() -> Lab {
    lab(
        "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql SECURITY DEFINER
             AS $$ SELECT count(*) FROM public.notes $$;
         RESET ROLE; GRANT CREATE ON SCHEMA public TO PUBLIC; SET ROLE {owner}",
    )
}

/// The attack is real: a temporary table takes the place of the one that is meant.
#[test]
fn temporary_tables_come_first_where_the_path_does_not_say() {
    let define = |table: &str| {
        lab(&format!(
            "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public
                 AS $$ SELECT count(*) FROM {table} $$"
        ))
    };
    let lab = define("notes");
    let fooled = "SET ROLE {app}; CREATE TEMP TABLE notes AS SELECT generate_series(1, 100);
                  DO $$ BEGIN IF f() <> 100 THEN RAISE EXCEPTION 'not fooled'; END IF; END $$";
    lab.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {app}");
    lab.run(&fooled.replace(
        "SELECT generate_series(1, 100);",
        "SELECT generate_series(1, 100); GRANT SELECT ON pg_temp.notes TO {owner};",
    ));
    let finding = lab.assert_fixable("definer-search-path", "public.f()");
    assert_eq!(finding.severity, Severity::Low);
    define("public.notes").assert_silent("definer-search-path");
}

#[test]
fn a_body_that_is_parsed_already_needs_no_path() {
    lab_parsed("SELECT body FROM notes").assert_silent("definer-search-path");
    sql("f() RETURNS SETOF text", "SELECT body FROM notes").assert_silent("definer-search-path");
    lab(
        "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER SET search_path = ''
             AS $$ SELECT body FROM public.notes $$",
    )
    .assert_silent("definer-search-path");
}

#[test]
fn a_function_that_everybody_may_call_is_told_and_the_application_keeps_it() {
    let lab = lab(&format!(
        "CREATE FUNCTION f(a uuid) RETURNS boolean LANGUAGE sql {SAFE}
             AS $$ SELECT EXISTS (SELECT FROM notes WHERE id = a) $$"
    ));
    lab.assert_silent("definer-public");
    lab.run("GRANT EXECUTE ON FUNCTION f(uuid) TO PUBLIC; REVOKE EXECUTE ON FUNCTION f(uuid) FROM {app}");
    lab.assert_fixable("definer-public", "public.f(a uuid)");
    lab.run("SET ROLE {app}; SELECT f(gen_random_uuid())");
}

#[test]
fn a_filtered_function_may_be_everybodys() {
    let lab = lab(&format!(
        "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql {SAFE}
             AS $$ SELECT body FROM notes WHERE organization_id = {SESSION} $$"
    ));
    lab.run("GRANT EXECUTE ON FUNCTION f() TO PUBLIC");
    lab.assert_silent("definer-public");
}

#[test]
fn a_leakproof_function_is_told() {
    let lab = lab("RESET ROLE; CREATE FUNCTION f(text) RETURNS boolean LANGUAGE sql LEAKPROOF AS 'SELECT true';
                   CREATE FUNCTION g(text) RETURNS boolean LANGUAGE sql AS 'SELECT true'; SET ROLE {owner}");
    lab.assert_fixable("function-leakproof", "public.f(text)");
}

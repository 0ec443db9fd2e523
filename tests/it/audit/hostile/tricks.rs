//! Ways around a look at who owns a function.

use super::{Trap, Who};

/// The server's own functions do harm, too, where a hostile view calls them.
#[test]
fn functions_of_the_server() {
    let trap = Trap::new(
        "CREATE VIEW exported AS SELECT id, tenant_id FROM notes
             WHERE pg_catalog.lo_export(1, '{marks}/object') IS NULL;
         CREATE VIEW by_text AS SELECT id, tenant_id FROM notes
             WHERE pg_catalog.query_to_xml('SELECT public.evil()', true, true, '') IS NOT NULL;
         CREATE VIEW leaves AS SELECT id, tenant_id FROM notes
             WHERE pg_catalog.set_config('role', 'none', true) IS NOT NULL;
         CREATE VIEW waits AS SELECT id, tenant_id FROM notes
             WHERE pg_catalog.pg_sleep(3600) IS NOT NULL;
         GRANT SELECT ON exported, by_text, leaves, waits TO {app}",
    );
    let reports = trap.spring_as(&[Who::Superuser]);
    for view in ["exported", "by_text", "leaves", "waits"] {
        reports.assert_left_alone(&format!("public.{view}"));
    }
    reports.assert_attacked(Who::Superuser, "public.notes");
}

/// The owner of an extension adds any function to it.
#[test]
fn a_member_of_an_extension() {
    let trap = Trap::with(
        "CREATE POLICY also ON notes AS RESTRICTIVE USING (evil())",
        "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {owner}', current_database()); END $$;
         SET ROLE {owner};
         CREATE EXTENSION citext;
         ALTER EXTENSION citext ADD FUNCTION evil()",
    );
    trap.spring_as(&[Who::Superuser])
        .assert_left_alone("public.notes");
}

/// A superuser's function looks names up in a path that begins with somebody else's schema.
#[test]
fn a_captured_name() {
    let trap = Trap::with(
        "CREATE FUNCTION is_good() RETURNS boolean LANGUAGE sql AS $$ SELECT public.evil() $$",
        "CREATE SCHEMA app;
         GRANT USAGE ON SCHEMA app TO {app}, {owner};
         CREATE FUNCTION app.check() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
         BEGIN RETURN is_good(); END $$;
         SET ROLE {owner};
         CREATE POLICY also ON notes AS RESTRICTIVE USING (app.check())",
    );
    trap.spring().assert_left_alone("public.notes");
}

/// An operator of the path's first schema fits better than the server's own.
#[test]
fn a_captured_operator() {
    let trap = Trap::with(
        "CREATE FUNCTION same(a int, b int) RETURNS boolean LANGUAGE plpgsql AS $$
         BEGIN PERFORM public.evil(); RETURN true; END $$;
         CREATE OPERATOR = (LEFTARG = int, RIGHTARG = int, FUNCTION = same)",
        "ALTER ROLE {app} SET search_path = public, pg_catalog;
         CREATE SCHEMA app;
         GRANT USAGE ON SCHEMA app TO {app}, {owner};
         CREATE FUNCTION app.check(one int) RETURNS boolean LANGUAGE sql STABLE
             AS $$ SELECT one = 1 $$;
         SET ROLE {owner};
         CREATE POLICY also ON notes AS RESTRICTIVE USING (app.check(tenant_id))",
    );
    trap.spring_as(&[Who::Superuser])
        .assert_left_alone("public.notes");
}

/// A superuser's tool does what it is told, and a view tells it.
#[test]
fn a_confused_deputy() {
    let trap = Trap::with(
        "",
        "CREATE FUNCTION run(what text) RETURNS boolean LANGUAGE plpgsql AS $$
         BEGIN EXECUTE what; RETURN true; END $$;
         REVOKE ALL ON FUNCTION run(text) FROM PUBLIC;
         SET ROLE {owner};
         CREATE VIEW told AS SELECT id, tenant_id FROM notes
             WHERE run('COPY (SELECT 1) TO ''{marks}/deputy''');
         GRANT SELECT ON told TO {app}",
    );
    trap.spring().assert_left_alone("public.told");
}

#[test]
fn a_connection_to_itself() {
    let trap = Trap::with(
        "",
        "CREATE EXTENSION dblink;
         SET ROLE {owner};
         CREATE VIEW linked AS SELECT id, tenant_id FROM notes
             WHERE dblink_exec('dbname=' || current_database(), 'ALTER ROLE {owner} SUPERUSER') <> '';
         GRANT SELECT ON linked TO {app}",
    );
    trap.spring_as(&[Who::Superuser])
        .assert_left_alone("public.linked");
}

/// A role sets its own path to anything that the server takes for a list of names.
#[test]
fn a_search_path_that_is_a_statement() {
    let trap = Trap::with(
        "",
        "SET SESSION AUTHORIZATION {app};
         SELECT set_config('search_path', 'public;SELECT/**/public.evil()', false);
         ALTER ROLE {app} SET search_path FROM CURRENT",
    );
    trap.spring_as(&[Who::Superuser, Who::Both]);
}

/// The template of a session calls the database's code, too.
#[test]
fn a_session_that_calls_a_function() {
    let trap = Trap::new(
        "CREATE FUNCTION enter(tenant text) RETURNS void LANGUAGE plpgsql AS $$
         BEGIN PERFORM evil(); PERFORM set_config('app.tenant', tenant, true); END $$;
         GRANT EXECUTE ON FUNCTION enter(text) TO {app}",
    );
    let before = trap.state();
    let report = trap.lab.try_audit_once(|options| {
        options.overrides.roles = vec![trap.lab.named("{app}")];
        options.overrides.session = Some("SELECT public.enter({tenant})".to_owned());
    });
    let report = report.expect("an audit");
    assert!(before == trap.state());
    super::assert_told(&report, "public.notes");
}

/// A function that keeps what would end it from doing so is not begun with.
#[test]
fn a_function_that_does_not_end() {
    let trap = Trap::new(
        "CREATE FUNCTION stay() RETURNS boolean LANGUAGE plpgsql AS $$
         BEGIN
             LOOP
                 BEGIN PERFORM pg_sleep(3600); EXCEPTION WHEN query_canceled THEN NULL; END;
             END LOOP;
         END $$;
         CREATE POLICY also ON notes AS RESTRICTIVE USING (stay())",
    );
    trap.spring_as(&[Who::Superuser])
        .assert_left_alone("public.notes");
}

/// Names and messages that would write to the terminal of who reads the report.
#[test]
fn escapes_for_the_terminal() {
    let trap = Trap::new(
        "DO $$ BEGIN
             EXECUTE format('CREATE FUNCTION %I() RETURNS boolean LANGUAGE sql AS ''SELECT public.evil()''',
                            E'\\x1b]0;evil\\x07');
             EXECUTE format('CREATE TABLE %I (id int PRIMARY KEY, tenant_id int NOT NULL)',
                            E'bad\\x1b[2J');
             EXECUTE format('CREATE POLICY p ON %I USING (%I())', E'bad\\x1b[2J', E'\\x1b]0;evil\\x07');
             EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', E'bad\\x1b[2J');
             EXECUTE format('INSERT INTO %I VALUES (1, 1), (2, 2)', E'bad\\x1b[2J');
             EXECUTE format('GRANT SELECT ON %I TO {app}', E'bad\\x1b[2J');
         END $$",
    );
    trap.spring_as(&[Who::Superuser, Who::Both]);
    for format in [
        "plain", "markdown", "html", "sarif", "junit", "json", "github",
    ] {
        let done = trap.lab.cli().run(&["audit", "--format", format]);
        assert!(!done.stdout.contains('\u{1b}'), "{format}");
        assert!(!done.stderr.contains('\u{1b}'), "{format}");
    }
    assert!(!trap.is_sprung());
}

/// Mending the schema fires event triggers.
#[test]
fn an_event_trigger() {
    let trap = Trap::with(
        "CREATE TABLE files (id int PRIMARY KEY, tenant_id int NOT NULL);
         GRANT SELECT ON files TO {app};
         CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
         BEGIN PERFORM evil(); END $$",
        "CREATE EVENT TRIGGER on_ddl ON ddl_command_start EXECUTE FUNCTION on_ddl()",
    );
    let before = trap.state();
    let fix = ["audit", "fix", "--only", "catalog", "--apply"];
    for more in [&["--dry-run"][..], &["--yes"][..]] {
        let stderr = trap.lab.cli().fails(5, &[&fix[..], more].concat());
        assert!(stderr.contains("event trigger on_ddl"), "{stderr}");
    }
    assert!(before == trap.state());
}

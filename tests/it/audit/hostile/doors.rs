//! Doors to code that reading opens.

use tenantctl::audit::report::Verdict;

use super::{Trap, Who};

#[test]
fn a_function_in_a_policy() {
    let trap = Trap::new("CREATE POLICY also ON notes AS RESTRICTIVE USING (evil())");
    let reports = trap.spring();
    reports.assert_left_alone("public.notes");
    // Who attacks with the application's rights runs what the application runs anyway.
    reports.assert_attacked(Who::Both, "public.notes");
}

#[test]
fn a_function_in_a_view() {
    let trap = Trap::new(
        "CREATE VIEW shown WITH (security_invoker) AS SELECT id, tenant_id, body FROM notes WHERE evil();
         CREATE VIEW above AS SELECT * FROM shown;
         GRANT SELECT ON shown, above TO {app}",
    );
    let reports = trap.spring();
    reports.assert_left_alone("public.shown");
    reports.assert_left_alone("public.above");
    reports.assert_attacked(Who::Superuser, "public.notes");
}

#[test]
fn a_materialized_view_has_run_its_function_before() {
    let trap = Trap::new(
        "CREATE MATERIALIZED VIEW copied AS SELECT id, tenant_id, body FROM notes WHERE evil();
         GRANT SELECT ON copied TO {app}",
    );
    // The owner's own refresh is none of the audit's.
    trap.spring();
}

#[test]
fn an_operator() {
    let trap = Trap::new(
        "CREATE FUNCTION same(a int, b int) RETURNS boolean LANGUAGE plpgsql AS $$
         BEGIN PERFORM evil(); RETURN a = b; END $$;
         CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = same);
         CREATE POLICY also ON notes AS RESTRICTIVE USING (id === id)",
    );
    trap.spring().assert_left_alone("public.notes");
}

#[test]
fn a_cast_to_json() {
    let trap = Trap::new(
        "CREATE TYPE mood AS ENUM ('fine', 'bad');
         CREATE FUNCTION as_json(mood) RETURNS json LANGUAGE plpgsql AS $$
         BEGIN PERFORM evil(); RETURN '1'; END $$;
         CREATE CAST (mood AS json) WITH FUNCTION as_json(mood);
         ALTER TABLE notes ADD mood mood DEFAULT 'fine';
         CREATE FUNCTION row_as_json(tenants) RETURNS json LANGUAGE plpgsql AS $$
         BEGIN PERFORM evil(); RETURN '1'; END $$;
         CREATE CAST (tenants AS json) WITH FUNCTION row_as_json(tenants)",
    );
    let reports = trap.spring();
    reports.assert_left_alone("public.notes");
    reports.assert_left_alone("public.tenants");
}

#[test]
fn a_cast_to_text() {
    let trap = Trap::new(
        "CREATE TYPE place AS (x int, y int);
         CREATE FUNCTION as_text(place) RETURNS text LANGUAGE plpgsql AS $$
         BEGIN PERFORM evil(); RETURN ''; END $$;
         CREATE CAST (place AS text) WITH FUNCTION as_text(place) AS IMPLICIT;
         ALTER TABLE notes ADD place place DEFAULT '(1,2)'",
    );
    trap.spring().assert_left_alone("public.notes");
}

/// The reach of a superuser allows what belongs to a superuser; rows are still read without it.
#[test]
fn a_cast_is_not_used_even_where_it_could_be() {
    let trap = Trap::with(
        "",
        "CREATE TYPE mood AS ENUM ('fine', 'bad');
         CREATE FUNCTION as_json(mood) RETURNS json LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'a cast to json ran'; END $$;
         CREATE CAST (mood AS json) WITH FUNCTION as_json(mood);
         CREATE FUNCTION as_text(mood) RETURNS text LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'a cast to text ran'; END $$;
         CREATE CAST (mood AS text) WITH FUNCTION as_text(mood) AS IMPLICIT;
         ALTER TABLE notes ADD mood mood DEFAULT 'fine';
         CREATE POLICY open ON notes USING (true)",
    );
    let reports = trap.spring();
    for who in [Who::Superuser, Who::Auditor] {
        let report = reports.of(who, false);
        // A leak is shown with the rows that were reached.
        let found = report
            .matrix
            .iter()
            .any(|one| one.object == "public.notes" && matches!(one.verdict, Verdict::Leak(_)));
        assert!(found, "{who:?}: {:#?}", report.skipped);
        let skipped = report.skipped.iter().find(|one| one.reason.contains("ran"));
        assert!(skipped.is_none(), "{who:?}: {skipped:?}");
    }
}

#[test]
fn a_domain_of_the_tenant_key() {
    let trap = Trap::new(
        "CREATE DOMAIN key AS int CHECK (evil());
         CREATE TABLE files (id int PRIMARY KEY, tenant_id key NOT NULL);
         GRANT SELECT ON files TO {app}",
    );
    // The owner filled the table, with the owner's rights.
    trap.run_as_owner("INSERT INTO files VALUES (1, 1), (2, 2)");
    trap.spring().assert_left_alone("public.files");
}

#[test]
fn an_index_expression_and_its_predicate() {
    let trap = Trap::new(
        "CREATE INDEX ON notes (evil_of(id));
         CREATE TABLE files (id int PRIMARY KEY, tenant_id int NOT NULL);
         INSERT INTO files VALUES (1, 1), (2, 2);
         CREATE INDEX ON files (id) WHERE evil_of(1) = 1;
         GRANT SELECT ON files TO {app}",
    );
    let reports = trap.spring();
    reports.assert_left_alone("public.notes");
    reports.assert_left_alone("public.files");
}

#[test]
fn a_constant_check_that_the_planner_evaluates() {
    let trap = Trap::new(
        "CREATE TABLE files (id int, tenant_id int NOT NULL, CHECK (evil_of(1) = 1))
             PARTITION BY LIST (tenant_id);
         CREATE TABLE files_1 PARTITION OF files FOR VALUES IN (1, 2);
         INSERT INTO files VALUES (1, 1), (2, 2);
         GRANT SELECT ON files, files_1 TO {app}",
    );
    let reports = trap.spring();
    reports.assert_left_alone("public.files");
    reports.assert_left_alone("public.files_1");
}

#[test]
fn a_partition_expression() {
    let trap = Trap::new(
        "CREATE TABLE files (id int, tenant_id int NOT NULL) PARTITION BY LIST (evil_of(tenant_id));
         CREATE TABLE files_1 PARTITION OF files FOR VALUES IN (1, 2);
         INSERT INTO files VALUES (1, 1), (2, 2);
         GRANT SELECT ON files, files_1 TO {app}",
    );
    let reports = trap.spring();
    reports.assert_left_alone("public.files");
    reports.assert_left_alone("public.files_1");
}

#[test]
fn an_aggregate() {
    let trap = Trap::new(
        "CREATE FUNCTION next(state int, value int) RETURNS int LANGUAGE plpgsql AS $$
         BEGIN PERFORM evil(); RETURN value; END $$;
         CREATE AGGREGATE last (int) (SFUNC = next, STYPE = int);
         CREATE VIEW counted AS SELECT tenant_id, last(id) AS id FROM notes GROUP BY tenant_id;
         GRANT SELECT ON counted TO {app}",
    );
    trap.spring().assert_left_alone("public.counted");
}

#[test]
fn a_foreign_table() {
    let trap = Trap::with(
        "",
        "CREATE EXTENSION file_fdw;
         CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
         CREATE FOREIGN TABLE programs (id int, tenant_id int)
             SERVER files OPTIONS (program 'touch {marks}/foreign; echo 1', format 'csv');
         ALTER FOREIGN TABLE programs OWNER TO {owner};
         GRANT SELECT ON programs TO {app}",
    );
    let reports = trap.spring_as(&[Who::Superuser]);
    reports.assert_left_alone("public.programs");
}

#[test]
fn a_function_that_is_called() {
    let trap = Trap::new(
        "CREATE FUNCTION list() RETURNS SETOF notes SECURITY DEFINER LANGUAGE plpgsql STABLE AS $$
         BEGIN PERFORM evil(); RETURN QUERY SELECT * FROM notes; END $$;
         CREATE FUNCTION safe() RETURNS SETOF notes LANGUAGE sql STABLE AS $$ SELECT * FROM notes WHERE evil() $$;
         GRANT EXECUTE ON FUNCTION list(), safe() TO {app}",
    );
    let reports = trap.spring();
    reports.assert_left_alone("public.list()");
    reports.assert_left_alone("public.safe()");
}

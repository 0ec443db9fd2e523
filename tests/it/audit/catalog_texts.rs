//! The texts that tables share are those that the server writes out for each.

use std::collections::BTreeSet;

use sqlx::Row;
use tenantctl::audit::{catalog::Catalog, connections::Connections};

use super::lab::Lab;
use crate::common::block_on;

/// The same trees on columns of other names, beside and within tables of other names; the same
/// text at other places of a statement.
const SCHEMA: &str = "
    CREATE TABLE members (org uuid, person uuid);
    CREATE TABLE notes (org uuid, body text DEFAULT 'x', short text GENERATED ALWAYS AS (left(body, 3)) STORED);
    CREATE TABLE tasks_of_all (org uuid, body text DEFAULT 'x', short text GENERATED ALWAYS AS (left(body, 3)) STORED);
    CREATE TABLE bills (tenant uuid, txt text DEFAULT ('x'), cut text GENERATED ALWAYS AS (left(txt, 3)) STORED);
    CREATE TABLE \"My notes\" (org uuid, id serial, at timestamptz DEFAULT now());
    CREATE TABLE more (org uuid, id serial, at timestamptz DEFAULT now());
    DO $do$
    DECLARE
        one regclass;
        key name;
    BEGIN
        FOREACH one IN ARRAY ARRAY['members', 'notes', 'tasks_of_all', 'bills', '\"My notes\"', 'more']::regclass[] LOOP
            SELECT attname INTO key FROM pg_attribute WHERE attrelid = one AND attnum = 1;
            EXECUTE format($$
                CREATE POLICY equal ON %1$s USING (%2$I = current_setting('app.org')::uuid);
                CREATE POLICY checked ON %1$s FOR INSERT WITH CHECK (%2$I IS NOT NULL);
                CREATE POLICY two ON %1$s USING (%2$I IS NULL)
                    WITH CHECK (%2$I = current_setting('app.org')::uuid);
                CREATE POLICY within ON %1$s
                    USING (%2$I IN (SELECT m.org FROM members m WHERE m.person IS NOT NULL));
                CREATE POLICY plain ON %1$s USING (%2$I IN (SELECT org FROM public.members));
                CREATE POLICY tied ON %1$s
                    USING (EXISTS (SELECT FROM members m WHERE m.org = %1$s.%2$I));
                CREATE POLICY row_itself ON %1$s USING (%1$s IS NOT NULL);
                CREATE POLICY place ON %1$s USING (tableoid = 1)$$, one, key);
        END LOOP;
    END $do$";

/// (table, policy or column, text), of the server and of the catalog.
type Texts = BTreeSet<(String, String, Option<String>)>;

fn of_server(lab: &Lab) -> Texts {
    let rows = lab.rows_of(&[
        "SET search_path = pg_catalog",
        "SELECT c.relname::text, p.polname || side.name, side.text
           FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid,
                LATERAL (VALUES (' using', pg_get_expr(p.polqual, p.polrelid)),
                                (' check', pg_get_expr(p.polwithcheck, p.polrelid))) side (name, text)
         UNION ALL
         SELECT c.relname::text, a.attname::text, pg_get_expr(d.adbin, d.adrelid)
           FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum",
    ]);
    let texts = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2)));
    texts.collect()
}

fn catalog(lab: &Lab) -> Catalog {
    let limits = Lab::options().limits;
    block_on(|| async {
        let connections = Connections::open(lab.connect_as(None), limits, 1).await;
        connections.expect("a connection").catalog().await
    })
    .expect("a catalog")
}

fn of_catalog(catalog: &Catalog) -> Texts {
    let mut texts = Texts::new();
    for relation in catalog.relations.values() {
        let mut add = |what: String, text: &Option<String>| {
            texts.insert((relation.name.clone(), what, text.clone()));
        };
        for policy in catalog.policies_of(relation.oid) {
            add(format!("{} using", policy.name), &policy.using_text);
            add(format!("{} check", policy.name), &policy.check_text);
        }
        for column in catalog.columns_of(relation.oid) {
            if column.default_text.is_some() {
                add(column.name.clone(), &column.default_text);
            }
        }
    }
    texts
}

#[test]
fn each_table_has_the_texts_that_the_server_writes_for_it() {
    let lab = Lab::new(SCHEMA);
    let (ours, theirs) = (of_catalog(&catalog(&lab)), of_server(&lab));
    assert_eq!(theirs.len(), 6 * 8 * 2 + 10);
    let missing: Vec<_> = theirs.difference(&ours).collect();
    let wrong: Vec<_> = ours.difference(&theirs).collect();
    assert!(
        missing.is_empty() && wrong.is_empty(),
        "{missing:#?} {wrong:#?}"
    );
}

-- Without the texts: see texts.rs.
SELECT p.oid AS "oid!: Oid", p.polrelid AS "relation!: Oid", p.polname::pg_catalog.text AS "name!",
       p.polpermissive AS "permissive!", p.polcmd::pg_catalog.text AS "command!: PolicyCommand",
       p.polroles AS "roles!: Vec<Oid>",
       NULL::pg_catalog.text AS using_text, NULL::pg_catalog.text AS check_text,
       p.polqual::pg_catalog.text AS using_tree, p.polwithcheck::pg_catalog.text AS check_tree
  FROM pg_catalog.pg_policy p

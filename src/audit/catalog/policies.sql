-- Without the texts: see texts.rs.
SELECT p.oid AS "oid!: Oid", p.polrelid AS "relation!: Oid", p.polname::text AS "name!",
       p.polpermissive AS "permissive!", p.polcmd::text AS "command!: PolicyCommand",
       p.polroles AS "roles!: Vec<Oid>",
       NULL::text AS using_text, NULL::text AS check_text,
       p.polqual::text AS using_tree, p.polwithcheck::text AS check_tree
  FROM pg_catalog.pg_policy p

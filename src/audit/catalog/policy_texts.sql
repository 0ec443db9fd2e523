-- $1: the policies whose texts are asked for; $2: what others have locked, so that a text that
-- names it would be waited for. The texts name the tables of sub-selects too.
SELECT p.oid AS "oid!: Oid",
       pg_catalog.pg_get_expr(p.polqual, p.polrelid) AS using_text,
       pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) AS check_text
  FROM pg_catalog.pg_policy p
 WHERE p.oid = ANY ($1::oid[])
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_policy'::regclass AND d.objid = p.oid
                      AND d.refclassid = 'pg_catalog.pg_class'::regclass
                      AND d.refobjid = ANY ($2::oid[]))

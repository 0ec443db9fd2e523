-- Who wrote anything that is not the server's own, and whether there are foreign tables.
SELECT o.owner AS "owner!: Oid", o.is_foreign AS "is_foreign!"
  FROM (SELECT c.relowner, c.relkind OPERATOR(pg_catalog.=) 'f'
          FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.>=) 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
         UNION
        SELECT p.proowner, false FROM pg_catalog.pg_proc p WHERE p.oid OPERATOR(pg_catalog.>=) 16384
         UNION
        SELECT t.typowner, false FROM pg_catalog.pg_type t WHERE t.oid OPERATOR(pg_catalog.>=) 16384
         UNION
        SELECT o.oprowner, false FROM pg_catalog.pg_operator o WHERE o.oid OPERATOR(pg_catalog.>=) 16384) o (owner, is_foreign)

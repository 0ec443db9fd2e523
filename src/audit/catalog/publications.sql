SELECT p.pubname::text AS "name!", p.puballtables AS "all_tables!", c.oid AS "relation!: Oid",
       CASE WHEN r.prrelid = ANY ($1::oid[]) THEN 'somebody has locked the table'
            ELSE pg_catalog.pg_get_expr(r.prqual, r.prrelid) END AS filter
  FROM pg_catalog.pg_publication p
  JOIN pg_catalog.pg_publication_tables t ON t.pubname = p.pubname
  JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
  LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = c.oid
 ORDER BY p.pubname, n.nspname, c.relname

SELECT p.pubname::pg_catalog.text AS "name!", p.puballtables AS "all_tables!", c.oid AS "relation!: Oid",
       CASE WHEN r.prrelid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[]) THEN 'somebody has locked the table'
            ELSE pg_catalog.pg_get_expr(r.prqual, r.prrelid) END AS filter
  FROM pg_catalog.pg_publication p
  JOIN pg_catalog.pg_publication_tables t ON t.pubname OPERATOR(pg_catalog.=) p.pubname
  JOIN pg_catalog.pg_namespace n ON n.nspname OPERATOR(pg_catalog.=) t.schemaname
  JOIN pg_catalog.pg_class c ON c.relnamespace OPERATOR(pg_catalog.=) n.oid AND c.relname OPERATOR(pg_catalog.=) t.tablename
  LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid OPERATOR(pg_catalog.=) p.oid AND r.prrelid OPERATOR(pg_catalog.=) c.oid
 ORDER BY p.pubname, n.nspname, c.relname

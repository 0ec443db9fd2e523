SELECT k.oid AS "oid!: Oid", k.conname::pg_catalog.text AS "name!", k.conrelid AS "relation!: Oid",
       k.contype::pg_catalog.text AS "kind!: ConstraintKind",
       coalesce(k.conkey, '{}') AS "columns!",
       k.confrelid AS "target!: Oid", coalesce(k.confkey, '{}') AS "target_columns!",
       k.conindid AS "index!: Oid", k.convalidated AS "validated!",
       k.confdeltype::pg_catalog.text AS "on_delete!", k.condeferrable AS "deferrable!",
       k.conparentid OPERATOR(pg_catalog.<>) 0 AS "inherited!",
       CASE WHEN k.conrelid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[]) OR k.contype OPERATOR(pg_catalog.=) 'p' THEN ''
            ELSE pg_catalog.pg_get_constraintdef(k.oid) END AS "definition!"
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) k.connamespace
 WHERE k.conrelid OPERATOR(pg_catalog.<>) 0 AND k.contype OPERATOR(pg_catalog.=) ANY ('{c,f,p,u,x}'::pg_catalog."char"[])
   AND n.nspname OPERATOR(pg_catalog.!~) '^pg_(toast|temp|catalog)' AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'

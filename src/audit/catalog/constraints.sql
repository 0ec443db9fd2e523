SELECT k.oid AS "oid!: Oid", k.conname::text AS "name!", k.conrelid AS "relation!: Oid",
       k.contype::text AS "kind!: ConstraintKind",
       coalesce(k.conkey, '{}') AS "columns!",
       k.confrelid AS "target!: Oid", coalesce(k.confkey, '{}') AS "target_columns!",
       k.conindid AS "index!: Oid", k.convalidated AS "validated!",
       k.confdeltype::text AS "on_delete!", k.condeferrable AS "deferrable!",
       k.conparentid <> 0 AS "inherited!",
       CASE WHEN k.conrelid = ANY ($1::oid[]) OR k.contype = 'p' THEN ''
            ELSE pg_catalog.pg_get_constraintdef(k.oid) END AS "definition!"
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace
 WHERE k.conrelid <> 0 AND k.contype IN ('c', 'f', 'p', 'u', 'x')
   AND n.nspname !~ '^pg_(toast|temp|catalog)' AND n.nspname <> 'information_schema'

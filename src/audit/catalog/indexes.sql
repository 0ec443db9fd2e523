SELECT i.indexrelid AS "oid!: Oid", c.relname::text AS "name!", i.indrelid AS "relation!: Oid",
       i.indisunique AS "unique!", i.indisprimary AS "primary!", i.indisvalid AS "valid!",
       i.indisexclusion AS "exclusion!",
       (i.indkey::int2[])[0:i.indnkeyatts - 1] AS "keys!: Vec<i16>",
       i.indpred IS NOT NULL AS "partial!", m.amname::text AS "method!",
       -- A text costs more than all the rest, and only those of unique keys are looked at.
       CASE WHEN i.indrelid = ANY ($1::oid[]) OR i.indisprimary
              OR NOT (i.indisunique OR i.indisexclusion) THEN ''
            ELSE pg_catalog.pg_get_indexdef(i.indexrelid) END AS "definition!"
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_am m ON m.oid = c.relam
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname !~ '^pg_(toast|temp|catalog)' AND n.nspname <> 'information_schema'

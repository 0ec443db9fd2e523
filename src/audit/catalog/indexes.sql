SELECT i.indexrelid AS "oid!: Oid", c.relname::pg_catalog.text AS "name!", i.indrelid AS "relation!: Oid",
       i.indisunique AS "unique!", i.indisprimary AS "primary!", i.indisvalid AS "valid!",
       i.indisexclusion AS "exclusion!",
       (i.indkey::pg_catalog.int2[])[0:i.indnkeyatts OPERATOR(pg_catalog.-) 1] AS "keys!: Vec<i16>",
       i.indpred IS NOT NULL AS "partial!", m.amname::pg_catalog.text AS "method!",
       -- A text costs more than all the rest, and only those of unique keys are looked at.
       CASE WHEN i.indrelid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.oid[]) OR i.indisprimary
              OR NOT (i.indisunique OR i.indisexclusion) THEN ''
            ELSE pg_catalog.pg_get_indexdef(i.indexrelid) END AS "definition!"
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid
  JOIN pg_catalog.pg_am m ON m.oid OPERATOR(pg_catalog.=) c.relam
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE n.nspname OPERATOR(pg_catalog.!~) '^pg_(toast|temp|catalog)' AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'

SELECT t.tgrelid AS "relation!: Oid", t.tgname::pg_catalog.text AS "name!", t.tgfoid AS "function!: Oid",
       t.tgenabled OPERATOR(pg_catalog.<>) 'D' AS "enabled!", t.tgtype AS "bits!"
  FROM pg_catalog.pg_trigger t
 WHERE NOT t.tgisinternal

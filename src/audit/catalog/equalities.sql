SELECT o.oid AS "oid!: Oid" FROM pg_catalog.pg_operator o WHERE o.oprname = '=' AND o.oprresult = 'bool'::regtype

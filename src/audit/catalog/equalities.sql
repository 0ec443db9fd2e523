SELECT o.oid AS "oid!: Oid" FROM pg_catalog.pg_operator o WHERE o.oprname OPERATOR(pg_catalog.=) '=' AND o.oprresult OPERATOR(pg_catalog.=) 'bool'::pg_catalog.regtype

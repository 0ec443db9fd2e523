-- An event trigger whose function is neither a superuser's nor one's own.
SELECT e.evtname::pg_catalog.text AS "trigger!", r.rolname::pg_catalog.text AS "owner!"
  FROM pg_catalog.pg_event_trigger e
  JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) e.evtfoid
  JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) p.proowner
 WHERE e.evtenabled OPERATOR(pg_catalog.<>) 'D' AND NOT r.rolsuper AND r.rolname OPERATOR(pg_catalog.<>) session_user
 ORDER BY e.evtname
 LIMIT 1

-- What others have locked, or are about to lock, so that not even its text can be read.
SELECT DISTINCT l.relation AS "relation!: Oid"
  FROM pg_catalog.pg_locks l
 WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
   AND l.pid <> pg_catalog.pg_backend_pid()
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())

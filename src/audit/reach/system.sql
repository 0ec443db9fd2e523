SELECT system_identifier::pg_catalog.text AS "system!" FROM pg_catalog.pg_control_system()

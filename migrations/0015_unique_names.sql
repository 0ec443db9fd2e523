-- Active providers and operatories have unique names in their organization, in the form in which they
-- are looked up (sort_name: without case and accents): of two with one name no command by name works.
--
-- Names that are shared already stay, since neither may be renamed without being asked. Of those that
-- share a name the oldest keeps it; the others are marked, and left out of the index until they are
-- renamed or archived. doctor names them.

ALTER TABLE providers ADD COLUMN shares_name boolean NOT NULL DEFAULT false;
ALTER TABLE operatories ADD COLUMN shares_name boolean NOT NULL DEFAULT false;

-- The owner sees every row while row-level security is not forced, which it is again below.
ALTER TABLE providers NO FORCE ROW LEVEL SECURITY;
ALTER TABLE operatories NO FORCE ROW LEVEL SECURITY;
UPDATE providers SET shares_name = true
  FROM (SELECT organization_id, id,
               row_number() OVER (PARTITION BY organization_id, sort_name ORDER BY id) AS place
          FROM providers WHERE archived_at IS NULL) named
 WHERE providers.organization_id = named.organization_id AND providers.id = named.id
   AND named.place > 1;
UPDATE operatories SET shares_name = true
  FROM (SELECT organization_id, id,
               row_number() OVER (PARTITION BY organization_id, sort_name ORDER BY id) AS place
          FROM operatories WHERE archived_at IS NULL) named
 WHERE operatories.organization_id = named.organization_id AND operatories.id = named.id
   AND named.place > 1;
ALTER TABLE providers FORCE ROW LEVEL SECURITY;
ALTER TABLE operatories FORCE ROW LEVEL SECURITY;

CREATE UNIQUE INDEX providers_active_name_key ON providers (organization_id, sort_name)
    WHERE archived_at IS NULL AND NOT shares_name;
CREATE UNIQUE INDEX operatories_active_name_key ON operatories (organization_id, sort_name)
    WHERE archived_at IS NULL AND NOT shares_name;

GRANT UPDATE (shares_name) ON providers, operatories TO tenant_app;

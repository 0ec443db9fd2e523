-- Prisma's names, quoted because they are in camel case, and a setting that its extension makes.
CREATE TABLE "_prisma_migrations" (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,
    migration_name varchar(255) NOT NULL, finished_at timestamptz);
CREATE TABLE "Company" (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL);
CREATE TABLE "User" (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "companyId" uuid NOT NULL DEFAULT (current_setting('app.current_company_id'))::uuid
        REFERENCES "Company" (id) ON UPDATE CASCADE ON DELETE CASCADE,
    email text NOT NULL);
CREATE UNIQUE INDEX "User_companyId_email_key" ON "User" ("companyId", email);
CREATE UNIQUE INDEX "User_companyId_id_key" ON "User" ("companyId", id);
CREATE TABLE "Project" (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "companyId" uuid NOT NULL DEFAULT (current_setting('app.current_company_id'))::uuid
        REFERENCES "Company" (id) ON UPDATE CASCADE ON DELETE CASCADE,
    "ownerId" uuid NOT NULL, title text NOT NULL,
    FOREIGN KEY ("companyId", "ownerId") REFERENCES "User" ("companyId", id));
CREATE INDEX "Project_owner_idx" ON "Project" ("companyId", "ownerId");
INSERT INTO "Company" (id, name) VALUES
    ('aaaaaaaa-0000-0000-0000-00000000000a', 'A'), ('bbbbbbbb-0000-0000-0000-00000000000b', 'B');
INSERT INTO "User" ("companyId", email) SELECT id, name FROM "Company";
INSERT INTO "Project" ("companyId", "ownerId", title) SELECT "companyId", id, email FROM "User";
ALTER TABLE "Company" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "User" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "Project" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "Company" FORCE ROW LEVEL SECURITY;
ALTER TABLE "User" FORCE ROW LEVEL SECURITY;
ALTER TABLE "Project" FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation_policy ON "Company" USING (id = current_setting('app.current_company_id', true)::uuid);
CREATE POLICY tenant_isolation_policy ON "User" USING ("companyId" = current_setting('app.current_company_id', true)::uuid);
CREATE POLICY tenant_isolation_policy ON "Project" USING ("companyId" = current_setting('app.current_company_id', true)::uuid);
GRANT SELECT ON "Company" TO {app};
GRANT SELECT, INSERT, UPDATE, DELETE ON "User", "Project" TO {app};

-- One schema, one login, the tenant in a setting that a function of the application makes, shared
-- templates in a table of their own, and the application as owner of nothing.
CREATE TABLE organization (org_id serial PRIMARY KEY, org_name text NOT NULL);
CREATE TABLE employee (employee_id serial, org_id integer NOT NULL REFERENCES organization, name text NOT NULL,
    manager_id integer, PRIMARY KEY (org_id, employee_id),
    FOREIGN KEY (org_id, manager_id) REFERENCES employee (org_id, employee_id));
CREATE INDEX ON employee (org_id, manager_id);
CREATE TABLE document_template (template_id serial PRIMARY KEY, title text NOT NULL UNIQUE, body text NOT NULL);
CREATE TABLE document (document_id serial, org_id integer NOT NULL REFERENCES organization,
    template_id integer REFERENCES document_template, author_id integer NOT NULL, body text,
    PRIMARY KEY (org_id, document_id), FOREIGN KEY (org_id, author_id) REFERENCES employee (org_id, employee_id));
CREATE INDEX ON document (org_id, author_id);
CREATE INDEX ON document (template_id);
INSERT INTO organization (org_name) VALUES ('A'), ('B');
INSERT INTO employee (org_id, name) SELECT org_id, org_name FROM organization;
INSERT INTO document_template (title, body) VALUES ('letter', 'dear');
INSERT INTO document (org_id, template_id, author_id) SELECT org_id, 1, employee_id FROM employee;
CREATE FUNCTION set_org(org integer) RETURNS void LANGUAGE sql AS $$ SELECT set_config('app.org_id', org::text, true) $$;
ALTER TABLE organization ENABLE ROW LEVEL SECURITY;
ALTER TABLE employee ENABLE ROW LEVEL SECURITY;
ALTER TABLE document ENABLE ROW LEVEL SECURITY;
CREATE POLICY org_isolation ON organization AS PERMISSIVE FOR ALL TO PUBLIC
    USING (org_id::text = current_setting('app.org_id', true));
CREATE POLICY org_isolation ON employee AS PERMISSIVE FOR ALL TO PUBLIC
    USING (org_id::text = current_setting('app.org_id', true));
CREATE POLICY org_isolation ON document AS PERMISSIVE FOR ALL TO PUBLIC
    USING (org_id::text = current_setting('app.org_id', true));
GRANT SELECT ON organization, document_template TO {app};
GRANT SELECT, INSERT, UPDATE, DELETE ON employee, document TO {app};
GRANT USAGE ON SEQUENCE employee_employee_id_seq, document_document_id_seq TO {app};

-- Tenants are known by a short name, which is the key.
CREATE DOMAIN slug AS text CHECK (VALUE ~ '^[a-z][a-z0-9-]*$');
CREATE TABLE workspaces (slug slug PRIMARY KEY, title text NOT NULL);
CREATE TABLE pages (workspace slug NOT NULL REFERENCES workspaces (slug), path text NOT NULL, body text,
    words integer GENERATED ALWAYS AS (length(body)) STORED, PRIMARY KEY (workspace, path));
CREATE TABLE page_links (workspace slug NOT NULL, source text NOT NULL, target text NOT NULL,
    PRIMARY KEY (workspace, source, target),
    FOREIGN KEY (workspace, source) REFERENCES pages ON DELETE CASCADE,
    FOREIGN KEY (workspace, target) REFERENCES pages ON DELETE CASCADE);
CREATE INDEX ON page_links (workspace, target);
INSERT INTO workspaces VALUES ('alpha', 'A'), ('beta', 'B');
INSERT INTO pages SELECT slug, p, 'text' FROM workspaces, unnest('{home,about}'::text[]) p;
INSERT INTO page_links SELECT slug, 'home', 'about' FROM workspaces;
ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY;
ALTER TABLE pages ENABLE ROW LEVEL SECURITY;
ALTER TABLE page_links ENABLE ROW LEVEL SECURITY;
CREATE POLICY current ON workspaces USING (slug = current_setting('wiki.workspace', true));
CREATE POLICY current ON pages USING (workspace = current_setting('wiki.workspace', true));
CREATE POLICY current ON page_links USING (workspace = current_setting('wiki.workspace', true));
GRANT SELECT ON workspaces TO {app};
GRANT SELECT, INSERT, UPDATE, DELETE ON pages, page_links TO {app};

-- The session names a user; users are in many tenants, with a role in each.
CREATE TABLE users (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, email text NOT NULL UNIQUE, name text);
CREATE TABLE teams (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name text NOT NULL);
CREATE TABLE team_members (team_id bigint NOT NULL REFERENCES teams ON DELETE CASCADE,
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE, role text NOT NULL, revoked_at timestamptz,
    PRIMARY KEY (team_id, user_id));
CREATE INDEX ON team_members (user_id);
CREATE TABLE boards (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, team_id bigint NOT NULL REFERENCES teams ON DELETE CASCADE,
    title text NOT NULL);
CREATE INDEX ON boards (team_id);
CREATE TABLE cards (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, board_id bigint NOT NULL REFERENCES boards ON DELETE CASCADE,
    text text NOT NULL);
CREATE INDEX ON cards (board_id);
INSERT INTO users (email) VALUES ('a@example.com'), ('b@example.com');
INSERT INTO teams (name) VALUES ('A'), ('B');
INSERT INTO team_members (team_id, user_id, role) VALUES (1, 1, 'admin'), (2, 2, 'admin');
INSERT INTO boards (team_id, title) SELECT id, name FROM teams;
INSERT INTO cards (board_id, text) SELECT id, title FROM boards;
CREATE FUNCTION current_user_id() RETURNS bigint LANGUAGE sql STABLE
    AS $$ SELECT nullif(current_setting('app.user_id', true), '')::bigint $$;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE teams ENABLE ROW LEVEL SECURITY;
ALTER TABLE team_members ENABLE ROW LEVEL SECURITY;
ALTER TABLE boards ENABLE ROW LEVEL SECURITY;
ALTER TABLE cards ENABLE ROW LEVEL SECURITY;
CREATE POLICY self ON users USING (id = current_user_id());
CREATE POLICY self ON team_members FOR SELECT USING (user_id = current_user_id());
CREATE POLICY member ON teams FOR SELECT USING (id IN (
    SELECT team_id FROM team_members WHERE user_id = current_user_id() AND revoked_at IS NULL));
CREATE POLICY member ON boards FOR SELECT USING (EXISTS (
    SELECT FROM team_members m WHERE m.team_id = boards.team_id AND m.user_id = current_user_id() AND m.revoked_at IS NULL));
CREATE POLICY editor ON boards FOR INSERT WITH CHECK (EXISTS (
    SELECT FROM team_members m WHERE m.team_id = boards.team_id AND m.user_id = current_user_id()
        AND m.role IN ('admin', 'editor') AND m.revoked_at IS NULL));
CREATE POLICY editor_deletes ON boards FOR DELETE USING (team_id IN (
    SELECT m.team_id FROM team_members m WHERE m.user_id = current_user_id() AND m.role = 'admin' AND m.revoked_at IS NULL));
CREATE POLICY through_board ON cards USING (EXISTS (
    SELECT FROM boards b JOIN team_members m ON m.team_id = b.team_id
    WHERE b.id = cards.board_id AND m.user_id = current_user_id() AND m.revoked_at IS NULL));
GRANT SELECT, UPDATE (name) ON users TO {app};
GRANT SELECT ON teams, team_members TO {app};
GRANT SELECT, INSERT, DELETE ON boards TO {app};
GRANT SELECT, INSERT, DELETE, UPDATE (text) ON cards TO {app};

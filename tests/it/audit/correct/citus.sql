-- The tables of the Citus tutorial: every key is composite, and begins with the company.
CREATE TABLE companies (id bigint NOT NULL PRIMARY KEY, name text NOT NULL, image_url text,
    created_at timestamp NOT NULL DEFAULT now());
CREATE TABLE campaigns (id bigint NOT NULL, company_id bigint NOT NULL REFERENCES companies (id), name text NOT NULL,
    cost_model text NOT NULL, state text NOT NULL, monthly_budget bigint, blacklisted_site_urls text[],
    PRIMARY KEY (company_id, id));
CREATE TABLE ads (id bigint NOT NULL, company_id bigint NOT NULL, campaign_id bigint NOT NULL, name text NOT NULL,
    impressions_count bigint DEFAULT 0, PRIMARY KEY (company_id, id),
    FOREIGN KEY (company_id, campaign_id) REFERENCES campaigns (company_id, id));
CREATE INDEX ON ads (company_id, campaign_id);
CREATE TABLE clicks (id bigint NOT NULL, company_id bigint NOT NULL, ad_id bigint NOT NULL, clicked_at timestamp NOT NULL,
    site_url text NOT NULL, user_ip inet NOT NULL, PRIMARY KEY (company_id, id),
    FOREIGN KEY (company_id, ad_id) REFERENCES ads (company_id, id));
CREATE INDEX ON clicks (company_id, ad_id);
CREATE TABLE geo_ips (addrs cidr NOT NULL PRIMARY KEY, latlon point NOT NULL);
INSERT INTO companies VALUES (1, 'A'), (2, 'B');
INSERT INTO campaigns (id, company_id, name, cost_model, state) SELECT id, id, name, 'cpc', 'running' FROM companies;
INSERT INTO ads (id, company_id, campaign_id, name) SELECT id, company_id, id, name FROM campaigns;
INSERT INTO clicks SELECT id, company_id, id, now(), 'https://example.com', '192.0.2.1' FROM ads;
INSERT INTO geo_ips VALUES ('192.0.2.0/24', '(1,2)');
ALTER TABLE companies ENABLE ROW LEVEL SECURITY;
ALTER TABLE campaigns ENABLE ROW LEVEL SECURITY;
ALTER TABLE ads ENABLE ROW LEVEL SECURITY;
ALTER TABLE clicks ENABLE ROW LEVEL SECURITY;
CREATE POLICY company ON companies USING (id = current_setting('app.company_id')::bigint);
CREATE POLICY company ON campaigns USING (company_id = current_setting('app.company_id')::bigint);
CREATE POLICY company ON ads USING (company_id = current_setting('app.company_id')::bigint);
CREATE POLICY company ON clicks USING (company_id = current_setting('app.company_id')::bigint);
GRANT SELECT ON companies, geo_ips TO {app};
GRANT SELECT, INSERT, UPDATE, DELETE ON campaigns, ads, clicks TO {app};

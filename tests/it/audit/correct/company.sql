-- A column that is called as the table, tables in several schemas, rights on single columns.
RESET ROLE;
CREATE SCHEMA crm AUTHORIZATION {owner};
CREATE SCHEMA billing AUTHORIZATION {owner};
CREATE SCHEMA internal AUTHORIZATION {owner};
GRANT USAGE ON SCHEMA crm, billing TO {app};
SET ROLE {owner};
CREATE FUNCTION public.current_company() RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN nullif(current_setting('session.company', true), '')::bigint;
END $$;
CREATE TABLE public.company (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name text NOT NULL, secret text);
CREATE TABLE crm.contact (id bigint GENERATED ALWAYS AS IDENTITY, company bigint NOT NULL REFERENCES public.company,
    first_name text, last_name text, full_name text GENERATED ALWAYS AS (coalesce(first_name, '') || coalesce(last_name, '')) STORED,
    PRIMARY KEY (company, id));
CREATE TABLE crm.phone (company bigint NOT NULL, contact bigint NOT NULL, number text NOT NULL,
    PRIMARY KEY (company, contact, number), FOREIGN KEY (company, contact) REFERENCES crm.contact ON DELETE CASCADE);
CREATE TABLE billing.invoice (id bigint GENERATED ALWAYS AS IDENTITY, company bigint NOT NULL REFERENCES public.company,
    contact bigint, total numeric(12, 2) NOT NULL, PRIMARY KEY (company, id),
    FOREIGN KEY (company, contact) REFERENCES crm.contact);
CREATE INDEX ON billing.invoice (company, contact);
CREATE TABLE billing.invoice_line (company bigint NOT NULL, invoice bigint NOT NULL, line integer NOT NULL, text text,
    PRIMARY KEY (company, invoice, line), FOREIGN KEY (company, invoice) REFERENCES billing.invoice ON DELETE CASCADE);
CREATE TABLE internal.job (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, queue text NOT NULL, payload jsonb NOT NULL);
CREATE TABLE internal.feature_flag (name text PRIMARY KEY, enabled boolean NOT NULL);
CREATE TABLE internal.usage (company bigint NOT NULL REFERENCES public.company, day date NOT NULL, calls bigint NOT NULL,
    PRIMARY KEY (company, day));
INSERT INTO public.company (name, secret) VALUES ('A', 's'), ('B', 't');
INSERT INTO crm.contact (company, first_name) SELECT id, name FROM public.company;
INSERT INTO crm.phone SELECT company, id, '+41' FROM crm.contact;
INSERT INTO billing.invoice (company, contact, total) SELECT company, id, 10 FROM crm.contact;
INSERT INTO billing.invoice_line SELECT company, id, 1, 'x' FROM billing.invoice;
INSERT INTO internal.job (queue, payload) VALUES ('mail', '{}');
INSERT INTO internal.usage SELECT id, current_date, 1 FROM public.company;
ALTER TABLE public.company ENABLE ROW LEVEL SECURITY;
ALTER TABLE crm.contact ENABLE ROW LEVEL SECURITY;
ALTER TABLE crm.phone ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing.invoice ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing.invoice_line ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON public.company FOR SELECT USING (id = (SELECT public.current_company()));
CREATE POLICY own ON crm.contact USING (company = (SELECT public.current_company()));
CREATE POLICY own ON crm.phone USING (company = (SELECT public.current_company()));
CREATE POLICY own ON billing.invoice USING (company = (SELECT public.current_company()));
CREATE POLICY own ON billing.invoice_line USING (company = (SELECT public.current_company()));
GRANT SELECT (id, name) ON public.company TO {app};
GRANT SELECT, DELETE, INSERT (company, first_name, last_name), UPDATE (first_name, last_name) ON crm.contact TO {app};
GRANT SELECT, INSERT, DELETE ON crm.phone TO {app};
GRANT SELECT, INSERT, UPDATE (total) ON billing.invoice TO {app};
GRANT SELECT, INSERT, UPDATE (text), DELETE ON billing.invoice_line TO {app};

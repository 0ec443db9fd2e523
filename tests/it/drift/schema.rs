//! `docs/schema.md`: the tables of a migrated database, read from its catalog.

use std::{collections::BTreeSet, fmt::Write as _};

use sqlx::Row;

use crate::common::{TestDb, block_on};

/// The use of each table and view. The migrations say more, in the comments above each.
const PURPOSES: &[(&str, &str)] = &[
    (
        "access_chains",
        "the head of each organization's access log: count and last hash",
    ),
    (
        "access_log",
        "the patient records that answers depended on; append-only, a hash chain per organization",
    ),
    (
        "activity_chains",
        "the head of each organization's activity log: count and last hash",
    ),
    (
        "activity_log",
        "the changes of each organization; append-only, a hash chain per organization",
    ),
    (
        "agent_configurations",
        "an organization's values of the agents, in place of the platform's defaults",
    ),
    (
        "appointments",
        "the appointments; exclusion constraints prevent double bookings",
    ),
    ("calls", "the calls that webhook events reported"),
    (
        "channel_claims",
        "identities that organizations claim; routes nothing and blocks nothing",
    ),
    (
        "channel_configurations",
        "the configuration of each channel of an organization",
    ),
    (
        "channel_identities",
        "the granted identities (numbers, agents, instances), each of one organization",
    ),
    ("channel_usage", "counts per organization, channel and day"),
    (
        "database_protection",
        "one row if destructive commands require --confirm",
    ),
    (
        "effective_channel_configurations",
        "a view: channel and agent configuration with the defaults filled in",
    ),
    (
        "import_jobs",
        "the imports: totals, and the position of one that is resumed; no row of a file",
    ),
    (
        "invitation_lookups",
        "look-up table: the invitations of an address, which is stored as a hash",
    ),
    (
        "mail_deliveries",
        "recent mails per address (a hash), for the rate limit; the platform's own",
    ),
    ("messages", "the messages of the text channels"),
    ("operatories", "treatment rooms"),
    (
        "organization_invitations",
        "invitations; tokens are stored as hashes",
    ),
    (
        "organization_members",
        "memberships, with the name and address of the member",
    ),
    (
        "organization_slugs",
        "look-up table: the organization of a slug, for the public API",
    ),
    ("organizations", "the tenants"),
    ("outbox", "mails, written in the transaction of the change"),
    (
        "outbox_jobs",
        "look-up table: the queue of the outbox worker",
    ),
    (
        "patient_name_parts",
        "the parts of patients' names without accents, for searches",
    ),
    ("patients", "the patients"),
    (
        "platform_activity_chain",
        "the head of the platform's activity log",
    ),
    (
        "platform_activity_log",
        "the changes of the platform itself; append-only, one hash chain",
    ),
    ("providers", "dentists, hygienists and other providers"),
    (
        "quarantined_events",
        "webhook events of an uncertain organization; the platform's own",
    ),
    (
        "schedules",
        "working hours and blockouts, in the organization's time zone",
    ),
    (
        "sign_up_events",
        "confirmed sign-ups, as the identity provider sent them; the platform's own",
    ),
    (
        "stream_tokens",
        "hashes of the tokens that authorize the media stream of one call, once",
    ),
    (
        "system_agent_configurations",
        "the platform's defaults of the agents: one row",
    ),
    (
        "user_organizations",
        "look-up table: the organizations of a user",
    ),
    (
        "users",
        "users across organizations; the tenant role has no right on it",
    ),
    (
        "webhook_endpoints",
        "the URLs at which the providers of the channels send events",
    ),
    (
        "webhook_events",
        "the received events; a repeated delivery is the same row",
    ),
    (
        "webhook_jobs",
        "look-up table: the queue of the webhook workers",
    ),
    (
        "webhook_secrets",
        "the encrypted secrets of endpoints; two are active during a rotation",
    ),
];

const HEAD: &str = "# Schema\n
The tables of a migrated database. This page is generated from the catalog: `UPDATE_DRIFT=1 cargo test --test it drift`
regenerates it. The migrations in `migrations/` have the checks, indexes and policies, and the reason for each table.

`enabled and forced`: row-level security also applies to the owner of the table. `enabled`: it applies to tenants, and
the owner can read across organizations. `off`: the table belongs to the platform; tenants have no right on it or only
read it. See [tenant scope](ARCHITECTURE.md#tenant-scope).
";

/// Tables and views; the table of the migrations is sqlx's.
const RELATIONS: &str = "
    SELECT oid::int8 AS id, relname::text AS name, relkind = 'v' AS is_view,
           CASE WHEN relrowsecurity AND relforcerowsecurity THEN 'enabled and forced'
                WHEN relrowsecurity THEN 'enabled' ELSE 'off' END AS row_security
      FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
       AND relname <> '_sqlx_migrations'
     ORDER BY relname COLLATE \"C\"";

const COLUMNS: &str = "
    SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
           CASE a.attidentity WHEN 'a' THEN 'generated always as identity'
                WHEN 'd' THEN 'generated by default as identity'
                ELSE CASE a.attgenerated WHEN 's' THEN 'generated: ' ELSE '' END
                     || coalesce(pg_get_expr(d.adbin, d.adrelid), '') END AS default
      FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY a.attnum";

const KEYS: &str = "
    SELECT contype = 'p' AS is_primary, pg_get_constraintdef(oid) AS definition
      FROM pg_constraint
     WHERE conrelid = $1::oid AND contype IN ('p', 'f')
     ORDER BY contype DESC, pg_get_constraintdef(oid) COLLATE \"C\"";

/// Foreign keys: `is_single` where the columns are also unique, so that at most one row refers.
const REFERENCES: &str = "
    SELECT c.conrelid::regclass::text AS child, c.confrelid::regclass::text AS parent,
           (SELECT string_agg(a.attname, ', ' ORDER BY k.place)
              FROM unnest(c.conkey) WITH ORDINALITY AS k (number, place)
              JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number) AS columns,
           EXISTS (SELECT FROM unnest(c.conkey) AS k (number)
                     JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number
                    WHERE NOT a.attnotnull) AS is_optional,
           EXISTS (SELECT FROM pg_index i
                    WHERE i.indrelid = c.conrelid AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
                      AND i.indkey::int2[] <@ c.conkey) AS is_single
      FROM pg_constraint c
     WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace
     ORDER BY c.confrelid::regclass::text COLLATE \"C\", c.conrelid::regclass::text COLLATE \"C\", c.conkey";

/// Returns the page.
pub(super) fn page() -> String {
    let db = TestDb::new();
    block_on(|| async { page_of(&db).await })
}

async fn page_of(db: &TestDb) -> String {
    let mut connection = db.raw().await;
    let relations = sqlx::query(RELATIONS)
        .fetch_all(&mut connection)
        .await
        .expect("the tables");
    let names: BTreeSet<String> = relations.iter().map(|row| row.get("name")).collect();
    let described: BTreeSet<String> = PURPOSES.iter().map(|(name, _)| (*name).into()).collect();
    assert_eq!(names, described, "PURPOSES has a line for each table");

    let mut index =
        String::from("\n## Tables\n\n| table | row-level security | |\n| --- | --- | --- |\n");
    let mut details = String::new();
    for relation in &relations {
        let name: String = relation.get("name");
        let is_view: bool = relation.get("is_view");
        let security = match is_view {
            true => "of its tables".to_owned(),
            false => relation.get::<String, _>("row_security"),
        };
        let purpose = PURPOSES.iter().find(|(table, _)| *table == name);
        let purpose = purpose.expect("checked above").1;
        line(
            &mut index,
            &format!("| [`{name}`](#{name}) | {security} | {purpose} |"),
        );
        line(&mut details, &format!("\n## `{name}`\n"));
        line(
            &mut details,
            &format!("{}. Row-level security: {security}.\n", sentence(purpose)),
        );
        line(
            &mut details,
            "| column | type | nullable | default |\n| --- | --- | --- | --- |",
        );
        let id: i64 = relation.get("id");
        let columns = sqlx::query(COLUMNS).bind(id).fetch_all(&mut connection);
        for column in columns.await.expect("the columns") {
            let default = match column.get::<String, _>("default") {
                none if none.is_empty() => String::new(),
                some => format!("`{}`", some.replace('|', "\\|")),
            };
            // The catalog does not know which columns of a view can be null.
            let nullable = match column.get("nullable") {
                true if !is_view => "yes",
                _ => "",
            };
            let (name, kind): (String, String) = (column.get("name"), column.get("type"));
            line(
                &mut details,
                &format!("| `{name}` | {kind} | {nullable} | {default} |"),
            );
        }
        let keys = sqlx::query(KEYS).bind(id).fetch_all(&mut connection);
        let keys = keys.await.expect("the keys");
        if !keys.is_empty() {
            details.push('\n');
        }
        for key in keys {
            line(
                &mut details,
                &format!("- `{}`", key.get::<String, _>("definition")),
            );
        }
    }

    let mut diagram = String::from(
        "\n## Foreign keys\n\nTables without foreign keys are not shown.\n\n```mermaid\nerDiagram\n",
    );
    let references = sqlx::query(REFERENCES).fetch_all(&mut connection);
    for key in references.await.expect("the foreign keys") {
        let parent_end = if key.get("is_optional") { "|o" } else { "||" };
        let child_end = if key.get("is_single") { "o|" } else { "o{" };
        let (parent, child): (String, String) = (key.get("parent"), key.get("child"));
        let columns: String = key.get("columns");
        line(
            &mut diagram,
            &format!("    {parent} {parent_end}--{child_end} {child} : \"{columns}\""),
        );
    }
    diagram.push_str("```\n");
    format!("{HEAD}{index}{diagram}{details}")
}

/// The text with a capital letter at its beginning.
fn sentence(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    first.to_uppercase() + rest
}

fn line(page: &mut String, text: &str) {
    writeln!(page, "{text}").expect("a String takes all text");
}

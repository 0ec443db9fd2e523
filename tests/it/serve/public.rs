//! What anybody may read: which organization, and what its chat looks like.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    Serving,
    visitor::{Ask, OTHER_SITE, SITE, harbor, id_of, organization},
};

const LOOK_UP: &str = "/api/public/org-lookup?slug=harbor";
const CONFIGURATION: &str = "/api/public/channel-config?slug=harbor&channel=web";

#[test]
fn strangers_read_what_they_may_by_slug_and_by_id() {
    let (_db, cli) = harbor();
    let id = id_of(&cli, "harbor");
    let serving = Serving::start(&cli, &[]);
    let told = Ask::get(&serving, LOOK_UP).send();
    assert_eq!(told.status, 200, "{}", told.raw);
    let expected = json!({ "id": id, "name": "Clinic harbor", "language": "de-CH" });
    assert_eq!(told.json(), expected);
    let expected = json!({
        "organization_id": id, "channel": "web", "enabled": true, "name": "Clinic harbor",
        "branding": { "name": "Clinic harbor" }, "language": "de-CH", "greeting": "Grüezi",
    });
    let by_id = format!("/api/public/channel-config?orgId={id}&channel=web");
    let without = "/api/public/channel-config?slug=harbor";
    for path in [CONFIGURATION, &by_id, without] {
        let told = Ask::get(&serving, path).send();
        assert_eq!(told.json(), expected, "{path}");
        assert_eq!(told.header("content-type"), Some("application/json"));
    }
}

/// Waits until it is so.
#[track_caller]
fn until(so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < super::server::PATIENCE);
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_a_client_has_it_is_not_sent_again() {
    let (_db, cli) = harbor();
    let serving = Serving::start(&cli, &[]);
    let first = Ask::get(&serving, CONFIGURATION).from(SITE).send();
    let tag = first.header("etag").unwrap();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    assert!(
        first
            .header("cache-control")
            .unwrap()
            .starts_with("public, max-age=")
    );
    let again = Ask::get(&serving, CONFIGURATION)
        .from(SITE)
        .header("if-none-match", tag)
        .send();
    assert_eq!(
        (again.status, again.body.as_str()),
        (304, ""),
        "{}",
        again.raw
    );
    for name in [
        "etag",
        "cache-control",
        "vary",
        "access-control-allow-origin",
    ] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    let head = Ask::new(&serving, "HEAD", CONFIGURATION).from(SITE).send();
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("etag"), Some(tag));

    cli.ok(&["channel", "set", "web", "greeting=Hoi", "--org", "harbor"]);
    until(|| {
        let told = Ask::get(&serving, CONFIGURATION)
            .header("if-none-match", tag)
            .send();
        told.status == 200 && told.json()["greeting"] == "Hoi" && told.header("etag") != Some(tag)
    });
}

/// An edit is live within a second, and a copy is kept for longer than that.
#[test]
fn an_edit_is_live_within_a_second() {
    let (_db, cli) = harbor();
    let serving = Serving::with(&cli, "");
    let greeting = || Ask::get(&serving, CONFIGURATION).send().json()["greeting"].clone();
    until(|| {
        serving
            .metrics()
            .contains("tenantctl_configuration_listening 1")
    });
    greeting();
    thread::sleep(Duration::from_millis(1_500));
    greeting();
    let metrics = serving.metrics();
    let hits = r#"tenantctl_cache_requests_total{cache="public_channels",result="hit"} "#;
    let line = metrics.lines().find(|line| line.starts_with(hits));
    assert!(line.is_some(), "the copy outlives a second: {metrics}");
    for round in 0..3 {
        let text = format!("Grüezi {round}");
        let set = format!("greeting={text}");
        cli.ok(&["channel", "set", "web", &set, "--org", "harbor"]);
        let begun = Instant::now();
        while greeting() != text.as_str() {
            assert!(begun.elapsed() < Duration::from_secs(1), "{text}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn websites_of_the_organization_may_read_and_show_it_and_no_others() {
    let (_db, cli) = harbor();
    let serving = Serving::start(&cli, &[]);
    for path in [LOOK_UP, CONFIGURATION] {
        let told = Ask::get(&serving, path).from(SITE).send();
        assert_eq!(told.header("access-control-allow-origin"), Some(SITE));
        assert_eq!(told.header("vary"), Some("origin"));
        assert_eq!(told.header("access-control-allow-credentials"), None);
        let policy = told.header("content-security-policy");
        assert_eq!(policy, Some("frame-ancestors https://site.example"));
        for other in [
            OTHER_SITE,
            "null",
            "*",
            "http://site.example",
            "https://site.example.evil.example",
            "https://site.example:8443",
            "https://SITE.example",
        ] {
            let told = Ask::get(&serving, path).from(other).send();
            assert_eq!(told.header("access-control-allow-origin"), None, "{other}");
            assert_eq!(told.header("vary"), Some("origin"), "{other}");
        }
        let twice = Ask::get(&serving, path).from(SITE).from(OTHER_SITE).send();
        assert_eq!(twice.header("access-control-allow-origin"), None);
    }
}

#[test]
fn a_browser_that_asks_beforehand_learns_whether_its_website_may() {
    let (_db, cli) = harbor();
    organization(&cli, "other", OTHER_SITE);
    let serving = Serving::start(&cli, &[]);
    let ask = |path: &str, origin: &str| {
        Ask::new(&serving, "OPTIONS", path)
            .from(origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,content-type",
            )
            .send()
    };
    for (path, methods) in [
        (LOOK_UP, "GET, HEAD"),
        (CONFIGURATION, "GET, HEAD"),
        ("/api/public/widget-session?slug=harbor", "POST"),
        ("/api/public/messages?slug=harbor", "POST"),
    ] {
        let told = ask(path, SITE);
        assert_eq!((told.status, told.body.as_str()), (204, ""), "{}", told.raw);
        assert_eq!(told.header("access-control-allow-origin"), Some(SITE));
        assert_eq!(told.header("access-control-allow-methods"), Some(methods));
        let headers = told.header("access-control-allow-headers").unwrap();
        assert!(headers.contains("authorization") && headers.contains("content-type"));

        // The same silence for each of these.
        let silent = ask(path, OTHER_SITE);
        assert_eq!(silent.header("access-control-allow-origin"), None, "{path}");
        assert_eq!(silent.header("access-control-allow-methods"), None);
        let unknown = ask(&path.replace("harbor", "nowhere"), SITE);
        let of_another = ask(&path.replace("harbor", "other"), SITE);
        for told in [unknown, of_another] {
            assert_eq!(told.without_its_own(), silent.without_its_own(), "{path}");
        }
    }
}

/// Without a web chat an organization is not there: switched off, or never set up. Status, body,
/// headers and what the cache does are those of a name that no organization has.
#[test]
fn an_organization_whose_web_chat_is_off_is_not_there() {
    let (_db, cli) = harbor();
    organization(&cli, "off", SITE);
    cli.ok(&["channel", "disable", "web", "--org", "off"]);
    cli.ok(&["org", "create", "Clinic fresh", "--slug", "fresh"]);
    let serving = Serving::with(&cli, "");
    for path in ["/api/public/org-lookup", "/api/public/channel-config"] {
        let ask = |query: &str, method: &str| {
            let path = format!("{path}?{query}");
            let told = Ask::new(&serving, method, &path).from(SITE).send();
            assert_eq!(told.status == 404, method != "OPTIONS", "{}", told.raw);
            told.without_its_own()
        };
        for method in ["GET", "HEAD", "OPTIONS"] {
            let unknown = ask("slug=nowhere", method);
            let unknown_id = ask("orgId=0197a3b0-0000-7000-8000-000000000001", method);
            for slug in ["off", "fresh"] {
                let id = id_of(&cli, slug);
                assert_eq!(ask(&format!("slug={slug}"), method), unknown, "{slug}");
                assert_eq!(ask(&format!("orgId={id}"), method), unknown_id, "{slug}");
            }
        }
    }
    // What is not there is looked for again after a second, whichever it is.
    thread::sleep(Duration::from_millis(1_100));
    let misses = |slug: &str| {
        let count = || {
            let metrics = serving.metrics();
            let of = r#"tenantctl_cache_requests_total{cache="public_channels",result="miss"} "#;
            let line = metrics.lines().find_map(|line| line.strip_prefix(of));
            line.map_or(0, |number| number.parse::<u32>().unwrap())
        };
        let before = count();
        let path = format!("/api/public/org-lookup?slug={slug}");
        Ask::get(&serving, &path).send();
        count() - before
    };
    assert_eq!([misses("nowhere"), misses("off"), misses("fresh")], [1; 3]);

    cli.ok(&["channel", "enable", "web", "--org", "off"]);
    until(|| {
        let path = "/api/public/org-lookup?slug=off";
        Ask::get(&serving, path).send().status == 200
    });
}

/// Suspended, deleted, never there, not a name at all, another channel: one answer.
#[test]
fn who_is_not_there_is_not_told_from_who_may_not_be_seen() {
    let (_db, cli) = harbor();
    organization(&cli, "suspended", SITE);
    organization(&cli, "deleted", SITE);
    cli.ok(&["org", "suspend", "suspended", "--yes"]);
    cli.ok(&["org", "delete", "deleted", "--yes"]);
    let suspended = id_of(&cli, "suspended");
    let serving = Serving::start(&cli, &[]);
    let unknown = Ask::get(&serving, "/api/public/channel-config?slug=nowhere")
        .from(SITE)
        .send();
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.json()["code"], "not_found");
    for query in [
        "slug=suspended",
        "slug=deleted",
        &format!("orgId={suspended}"),
        "orgId=0197a3b0-0000-7000-8000-000000000001",
        "orgId=harbor",
        "slug=harbor&channel=whatsapp",
        "slug=harbor&channel=retell",
        "slug=harbor&channel=carrier-pigeon",
        "slug=harbor&channel=",
        "slug=",
        "slug=harbor%00",
        "slug=harbor'%20OR%20'1'='1",
        "slug=%27;DROP%20TABLE%20organizations;--",
        "slug=..%2F..%2Fetc%2Fpasswd",
        "slug=HARBOR",
        "slug=harbor%0d%0aset-cookie:%20a=b",
        "slug=%3Cscript%3E",
        "slug=%ff%fe",
        &format!("slug={}", "a".repeat(5_000)),
    ] {
        let path = format!("/api/public/channel-config?{query}");
        let told = Ask::get(&serving, &path).from(SITE).send();
        assert_eq!(
            told.without_its_own(),
            unknown.without_its_own(),
            "{query:.60}"
        );
    }
    for query in [
        "",
        "?",
        "?slug=a1&slug=b1",
        "?slug=harbor&orgId=harbor",
        "?x=y",
    ] {
        let path = format!("/api/public/org-lookup{query}");
        let told = Ask::get(&serving, &path).send();
        assert_eq!(told.status, 400, "{query}: {}", told.raw);
        assert_eq!(told.json()["code"], "bad_input");
    }
    assert_eq!(Ask::get(&serving, LOOK_UP).send().status, 200);

    // From one to the other and back, while it serves.
    cli.ok(&["org", "suspend", "harbor", "--yes"]);
    until(|| Ask::get(&serving, LOOK_UP).send().status == 404);
    cli.ok(&["org", "resume", "harbor"]);
    until(|| Ask::get(&serving, LOOK_UP).send().status == 200);
}

#[test]
fn a_flood_for_one_organization_takes_nothing_from_another() {
    let (_db, cli) = harbor();
    organization(&cli, "other", OTHER_SITE);
    let section = "public_per_address_per_minute = 0\npublic_per_organization_per_minute = 20\n\
                   trusted_proxies = ['127.0.0.0/8']";
    let serving = Serving::with(&cli, section);
    let ask = |path: &str, address: &str| {
        Ask::get(&serving, path)
            .header("x-forwarded-for", address)
            .send()
    };
    let flood: Vec<_> = (0..60)
        .map(|n| ask(CONFIGURATION, &format!("10.0.0.{n}")))
        .collect();
    let seen = Ask::get(&serving, CONFIGURATION).from(SITE).send();
    let read = seen.header("access-control-allow-origin");
    assert_eq!(read, Some(SITE), "its website reads why: {}", seen.raw);
    let refused: Vec<_> = flood.iter().filter(|told| told.status == 429).collect();
    assert!(refused.len() >= 20, "{}", refused.len());
    assert_eq!(refused[0].json()["code"], "too_many_requests");
    let seconds: u32 = refused[0].header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    for n in 0..15 {
        let told = ask("/api/public/org-lookup?slug=other", &format!("10.0.0.{n}"));
        assert_eq!(told.status, 200, "{}", told.raw);
    }
    // Nobody learns from being refused that there is such an organization.
    let of_nobody = (0..60).filter(|n| {
        let told = ask(
            "/api/public/org-lookup?slug=nowhere",
            &format!("10.0.1.{n}"),
        );
        told.status == 429
    });
    assert!(of_nobody.count() >= 20);
    let counted = r#"tenantctl_http_refusals_total{reason="rate_of_organization"}"#;
    assert!(serving.metrics().contains(counted));
}

#[test]
fn an_address_has_its_allowance_and_others_have_theirs() {
    let (_db, cli) = harbor();
    let section = "public_per_address_per_minute = 10\ntrusted_proxies = ['127.0.0.0/8']";
    let serving = Serving::with(&cli, section);
    let ask = |address: &str| {
        let asked = Ask::get(&serving, LOOK_UP).header("x-forwarded-for", address);
        asked.send().status
    };
    let taken = (0..40).filter(|_| ask("2001:db8::1") == 200).count();
    assert!((10..=15).contains(&taken), "{taken}");
    assert_eq!(ask("2001:db8::2"), 429, "the same customer");
    assert_eq!(ask("10.0.0.2"), 200);
    // Also what cannot be read is counted, and what is sent.
    for path in ["/api/public/org-lookup", "/api/public/messages"] {
        let asked = Ask::new(&serving, "OPTIONS", path).header("x-forwarded-for", "2001:db8::1");
        assert_eq!(asked.send().status, 429, "{path}");
    }
    assert_eq!(serving.get("/healthz").0, 200);
}

#[test]
fn other_methods_are_not_allowed() {
    let (_db, cli) = harbor();
    let serving = Serving::start(&cli, &[]);
    for (method, path) in [
        ("POST", LOOK_UP),
        ("DELETE", CONFIGURATION),
        ("GET", "/api/public/widget-session"),
        ("PUT", "/api/public/messages"),
    ] {
        let told = Ask::new(&serving, method, path).send();
        assert_eq!(told.status, 405, "{method} {path}");
        assert!(told.header("allow").is_some());
    }
    assert_eq!(Ask::get(&serving, "/api/public/x").send().status, 404);
}

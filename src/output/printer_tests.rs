use futures_util::{StreamExt, stream};

use super::*;
use crate::output::{Cell, ColorChoice};
use crate::run;

#[derive(Serialize)]
struct Clinic {
    slug: &'static str,
    members: u32,
    tags: Vec<&'static str>,
    note: Option<&'static str>,
}

const HARBOR: Clinic = Clinic {
    slug: "harbor",
    members: 2,
    tags: Vec::new(),
    note: Some("a \"quoted\", note"),
};

impl View for Clinic {
    fn human(&self, page: &mut Page) {
        page.field("slug", self.slug).field("members", self.members);
    }

    fn summary(&self) -> Option<String> {
        Some(format!("created {}", self.slug))
    }

    fn next(&self) -> Vec<Hint> {
        vec![run!["org", "use", self.slug]]
    }

    fn warnings(&self) -> Vec<Hint> {
        vec!["no owner yet".into()]
    }
}

impl Record for Clinic {
    fn fields() -> &'static [&'static str] {
        &["slug", "members", "tags", "note"]
    }

    fn columns() -> &'static [&'static str] {
        &["slug", "members"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![style.ok(self.slug), self.members.into()]
    }
}

fn clinics() -> Vec<Clinic> {
    let default = Clinic {
        slug: "default",
        members: 10,
        tags: vec!["a", "b"],
        note: None,
    };
    vec![HARBOR, default]
}

fn printer(format: Format) -> (Printer, Captured) {
    Printer::captured_with(PrinterOptions {
        format,
        ..PrinterOptions::default()
    })
}

fn view(format: Format) -> String {
    let (printer, captured) = printer(format);
    printer.view(&HARBOR).unwrap();
    captured.stdout()
}

async fn list(format: Format, rows: Vec<Clinic>) -> (String, String) {
    let (printer, captured) = printer(format);
    let listing = Listing::of(rows, "no clinics yet");
    printer.list(listing).await.unwrap();
    (captured.stdout(), captured.stderr())
}

#[test]
fn a_view_in_each_format() {
    assert_eq!(view(Format::Table), "slug     harbor\nmembers  2\n");
    assert_eq!(
        view(Format::Json),
        "{\n  \"schema_version\": 1,\n  \"slug\": \"harbor\",\n  \"members\": 2,\n  \"tags\": [],\n  \"note\": \"a \\\"quoted\\\", note\"\n}\n"
    );
    assert_eq!(
        view(Format::Ndjson),
        "{\"schema_version\":1,\"slug\":\"harbor\",\"members\":2,\"tags\":[],\"note\":\"a \\\"quoted\\\", note\"}\n"
    );
    assert_eq!(
        view(Format::Yaml),
        "schema_version: 1\nslug: harbor\nmembers: 2\ntags: []\nnote: a \"quoted\", note\n"
    );
    assert_eq!(
        view(Format::Csv),
        "slug,members,tags,note\nharbor,2,[],\"a \"\"quoted\"\", note\"\n"
    );
}

#[test]
fn talk_goes_to_stderr_and_quiet_keeps_the_warnings() {
    let said = |options| {
        let (printer, captured) = Printer::captured_with(options);
        printer.view(&HARBOR).unwrap();
        captured.stderr()
    };
    let all = "warning: no owner yet\ncreated harbor\nnext: tenantctl org use harbor\n";
    assert_eq!(said(PrinterOptions::default()), all);
    let quiet = PrinterOptions {
        quiet: true,
        ..PrinterOptions::default()
    };
    assert_eq!(said(quiet), "warning: no owner yet\n");
    // Messages are suppressed for a script that reads JSON, but not for an interactive user.
    let json = PrinterOptions {
        format: Format::Json,
        ..PrinterOptions::default()
    };
    assert_eq!(said(json.clone()), "warning: no owner yet\n");
    let watched = PrinterOptions {
        stderr_terminal: true,
        color: ColorChoice::Never,
        ..json
    };
    assert!(said(watched).contains("tenantctl org use harbor"));
}

#[tokio::test]
async fn a_list_in_each_format() {
    let stdout = async |format| list(format, clinics()).await.0;
    assert_eq!(
        stdout(Format::Table).await,
        "slug     members\nharbor         2\ndefault       10\n"
    );
    assert_eq!(
        stdout(Format::Json).await,
        "[\n\
         {\"schema_version\":1,\"slug\":\"harbor\",\"members\":2,\"tags\":[],\"note\":\"a \\\"quoted\\\", note\"},\n\
         {\"schema_version\":1,\"slug\":\"default\",\"members\":10,\"tags\":[\"a\",\"b\"],\"note\":null}\n\
         ]\n"
    );
    assert_eq!(
        stdout(Format::Ndjson).await,
        "{\"schema_version\":1,\"slug\":\"harbor\",\"members\":2,\"tags\":[],\"note\":\"a \\\"quoted\\\", note\"}\n\
         {\"schema_version\":1,\"slug\":\"default\",\"members\":10,\"tags\":[\"a\",\"b\"],\"note\":null}\n"
    );
    assert_eq!(
        stdout(Format::Csv).await,
        "slug,members,tags,note\n\
         harbor,2,[],\"a \"\"quoted\"\", note\"\n\
         default,10,\"[\"\"a\"\",\"\"b\"\"]\",\n"
    );
    let yaml: serde_json::Value = serde_norway::from_str(&stdout(Format::Yaml).await).unwrap();
    let json: serde_json::Value = serde_json::from_str(&stdout(Format::Json).await).unwrap();
    assert_eq!(yaml, json);
}

#[tokio::test]
async fn an_empty_list_is_empty_data() {
    for (format, stdout) in [
        (Format::Table, ""),
        (Format::Json, "[]\n"),
        (Format::Yaml, "[]\n"),
        (Format::Csv, "slug,members,tags,note\n"),
        (Format::Ndjson, ""),
    ] {
        let said = if format == Format::Table {
            "no clinics yet\n"
        } else {
            ""
        };
        assert_eq!(
            list(format, Vec::new()).await,
            (stdout.to_owned(), said.to_owned()),
            "{format:?}"
        );
    }
}

#[tokio::test]
async fn a_cut_list_says_so_even_when_quiet() {
    let (printer, captured) = Printer::captured_with(PrinterOptions {
        quiet: true,
        ..PrinterOptions::default()
    });
    let listing = Listing::of(clinics(), "none").limit(Some(1));
    printer.list(listing).await.unwrap();
    assert_eq!(captured.stdout(), "slug    members\nharbor        2\n");
    assert_eq!(
        captured.stderr(),
        "note: 1 shown, more available: use --all for all rows, or --limit N for a longer page\n"
    );

    let (printer, captured) = Printer::captured();
    let listing = Listing::of(clinics(), "none").limit(Some(2));
    printer.list(listing).await.unwrap();
    assert_eq!(captured.stderr(), "");
}

#[tokio::test]
async fn a_failing_row_fails_the_list() {
    let (printer, _captured) = printer(Format::Ndjson);
    let rows = stream::iter([Ok(HARBOR), Err(Error::unavailable("connection lost"))]);
    let error = printer
        .list(Listing::new(rows.boxed(), "none"))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "connection lost");
}

#[tokio::test]
async fn a_csv_field_without_a_column_is_an_error_not_a_loss() {
    struct Loose(Vec<(&'static str, u8)>);
    impl Serialize for Loose {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.0.iter().copied())
        }
    }
    impl Record for Loose {
        fn fields() -> &'static [&'static str] {
            &["b", "a"]
        }
        fn columns() -> &'static [&'static str] {
            &[]
        }
        fn cells(&self, _style: &Style) -> Vec<Cell> {
            Vec::new()
        }
    }
    let (first, fewer, more) = (vec![("b", 1), ("a", 2)], vec![("a", 3)], vec![("c", 4)]);
    let (printer, captured) = printer(Format::Csv);
    let rows = vec![Loose(first.clone()), Loose(fewer)];
    printer.list(Listing::of(rows, "none")).await.unwrap();
    assert_eq!(captured.stdout(), "b,a\n1,2\n,3\n");

    let rows = vec![Loose(first), Loose(more)];
    let error = printer.list(Listing::of(rows, "none")).await.unwrap_err();
    assert!(error.to_string().contains("the field c"), "{error}");
}

/// A writer that fails, and counts the attempts.
struct Failing(io::ErrorKind, Arc<Mutex<u32>>);

impl Write for Failing {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        *self.1.lock().unwrap() += 1;
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn failing(kind: io::ErrorKind) -> (Printer, Arc<Mutex<u32>>) {
    let tries = Arc::new(Mutex::new(0));
    let options = PrinterOptions {
        format: Format::Ndjson,
        ..PrinterOptions::default()
    };
    let stdout = Box::new(Failing(kind, Arc::clone(&tries)));
    let printer = Printer::with_writers(options, stdout, Box::new(io::sink()));
    (printer, tries)
}

#[tokio::test]
async fn a_closed_pipe_ends_the_list_quietly_and_at_once() {
    let (printer, tries) = failing(io::ErrorKind::BrokenPipe);
    let produced = Arc::new(Mutex::new(0_u32));
    let rows = stream::iter(0..1_000_000).map({
        let produced = Arc::clone(&produced);
        move |_| {
            *produced.lock().unwrap() += 1;
            Ok(HARBOR)
        }
    });
    printer
        .list(Listing::new(rows.boxed(), "none"))
        .await
        .unwrap();
    assert_eq!(*tries.lock().unwrap(), 1);
    assert!(*produced.lock().unwrap() < 2_000);
    printer.view(&HARBOR).unwrap();
    printer.raw("text").unwrap();
}

#[test]
fn a_real_closed_pipe_is_success() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let options = PrinterOptions::default();
    let printer = Printer::with_writers(options, Box::new(writer), Box::new(io::sink()));
    printer.view(&HARBOR).unwrap();
}

#[tokio::test]
async fn a_full_disk_is_an_error() {
    let (printer, _tries) = failing(io::ErrorKind::StorageFull);
    let of_list = printer.list(Listing::of(clinics(), "none")).await;
    for result in [of_list, printer.view(&HARBOR), printer.raw("text")] {
        let message = result.unwrap_err().to_string();
        assert_eq!(message, "cannot write to standard output");
    }
}

fn broken() -> Error {
    Error::unavailable("cannot reach postgres://ann:s3cr3t@db/app\nhint: run rm")
        .because(Error::failure("refused\x1b[2J"))
        .hint(run!["doctor"])
        .hint(run!["local", "start"])
}

#[test]
fn an_error_for_a_person() {
    let (printer, captured) = Printer::captured_with(PrinterOptions {
        quiet: true,
        ..PrinterOptions::default()
    });
    printer.error(&broken());
    assert_eq!(captured.stdout(), "");
    assert_eq!(
        captured.stderr(),
        "error: cannot reach postgres://ann:***@db/app\n       hint: run rm\n  \
           cause: refused\\u{1b}[2J\n\
         hint: tenantctl doctor\n\
         hint: tenantctl local start\n"
    );
}

#[test]
fn an_error_for_a_script() {
    for format in [Format::Json, Format::Yaml, Format::Ndjson] {
        let (printer, captured) = printer(format);
        printer.error(&broken());
        assert_eq!(captured.stdout(), "");
        assert_eq!(
            captured.stderr(),
            "{\"schema_version\":1,\"code\":\"unavailable\",\"exit_code\":7,\
             \"message\":\"cannot reach postgres://ann:***@db/app\\nhint: run rm\",\
             \"causes\":[\"refused\\u001b[2J\"],\"hint\":\"tenantctl doctor\",\
             \"hints\":[\"tenantctl doctor\",\"tenantctl local start\"]}\n"
        );
    }
}

#[test]
fn colour_is_on_the_stream_that_has_it() {
    let (printer, captured) = Printer::captured_with(PrinterOptions {
        stderr_terminal: true,
        ..PrinterOptions::default()
    });
    printer.view(&HARBOR).unwrap();
    assert!(!captured.stdout().contains('\x1b'));
    assert!(
        captured
            .stderr()
            .contains("\x1b[32m✓ \x1b[0mcreated harbor\n")
    );

    let (printer, captured) = Printer::captured_with(PrinterOptions {
        color: ColorChoice::Always,
        ..PrinterOptions::default()
    });
    printer.view(&HARBOR).unwrap();
    assert!(captured.stdout().contains("\x1b["));
}

#[test]
fn raw_text() {
    let (printer, captured) = Printer::captured();
    printer.raw("exactly\tthis").unwrap();
    assert_eq!(captured.stdout(), "exactly\tthis");
}

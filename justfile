# Short names for the commands of CONTRIBUTING.md: `just --list`.

# Everything that a change has to pass.
check: fmt-check metadata-check lint test

# Build the program.
build:
    cargo build --release

# Run the demonstration on a private PostgreSQL.
demo:
    cargo run --release -- demo

# Run all tests, or those whose names contain FILTER.
test *FILTER:
    cargo test {{FILTER}}

# Run the integration tests whose names contain FILTER: `just it channels::`.
it FILTER:
    cargo test --test it {{FILTER}}

# Format the code.
fmt:
    cargo fmt

fmt-check:
    cargo fmt --check

# Run clippy; warnings are errors.
lint:
    cargo clippy --all-targets -- -D warnings

# Write the query metadata after a change to SQL or migrations.
metadata:
    scripts/sqlx-metadata --write

metadata-check:
    scripts/sqlx-metadata --check

# Write the generated files again: completions, docs/cli, docs/schema.md, and the example configuration.
generate:
    UPDATE_DRIFT=1 cargo test --test it drift

# Accept the JSON shapes as they are now.
shapes:
    INSTA_UPDATE=always cargo test --test it json_shapes

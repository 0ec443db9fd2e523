//! A bare pass of the csv crate over a file: what `benches/import` sets checking beside.
//!
//! Usage: csv_pass FILE

#![allow(clippy::print_stdout, clippy::unwrap_used)]

fn main() {
    // cargo bench adds --bench.
    let Some(path) = std::env::args().skip(1).find(|one| one != "--bench") else {
        // Without arguments, as under `cargo test --benches`: nothing to measure.
        return;
    };
    let mut reader = csv::ReaderBuilder::new()
        .buffer_capacity(1 << 17)
        .from_path(path)
        .unwrap();
    let mut record = csv::StringRecord::new();
    let mut fields = 0;
    while reader.read_record(&mut record).unwrap() {
        fields += record.len();
    }
    println!("{fields}");
}

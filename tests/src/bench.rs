//! What the benchmark program measures; `make bench` runs it. Figures are ratios against a peer or the raw limit in
//! the same run; nothing here asserts a time.

pub mod append;
pub mod authorize;
pub mod figures;
pub mod import;
pub mod issue;
pub mod lists;
pub mod load;

/// Any error ends a benchmark.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Prints one result.
#[allow(clippy::print_stdout)] // results are what the program is for
pub fn line(text: &str) {
    println!("{text}");
}

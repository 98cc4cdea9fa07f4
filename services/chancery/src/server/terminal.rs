//! Printing: what was asked for on stdout, everything else on stderr.

use std::io::Write as _;

/// A line on stdout. Who closed the pipe has read enough.
pub(super) fn line(text: &str) {
    _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A line on stderr.
pub(super) fn note(text: &str) {
    _ = writeln!(std::io::stderr().lock(), "{text}");
}

//! Every certificate known, however it came.

pub mod certificate;

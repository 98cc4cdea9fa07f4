//! What the benchmark programs share.

pub mod figures;
pub mod load;

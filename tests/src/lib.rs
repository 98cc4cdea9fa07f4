//! What the journeys in `tests/tests` share: the generated contracts and one example of each event.

pub mod bench;
pub mod examples;
pub mod house;
pub mod schemas;

//! Crash points: places at which a test lets the process die as a power cut would (X01 to X11).
//!
//! A place is one line, `fail::fail_point!("X08-signed-not-journaled")`. Of it nothing is left unless the feature
//! `failpoints` of the crate `fail` is on, which only the workspace's tests turn on.

use crate::config::Environment;

/// The variable that names the armed place.
pub const VARIABLE: &str = "CHANCERY_FAILPOINT";

/// Arms the place that the environment names: who comes there first ends the process, without unwinding.
pub fn arm(environment: &Environment) {
    if !fail::has_failpoints() {
        return;
    }
    let Some(place) = environment.get(VARIABLE) else { return };
    if let Err(error) = fail::cfg_callback(place, || std::process::abort()) {
        tracing::error!(place, error, "crash point cannot be armed");
    }
}

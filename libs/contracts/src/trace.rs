//! Which trace a request belongs to, as it travels: the `traceparent` of W3C Trace Context.

use std::{fmt, str::FromStr};

/// A `traceparent` of version 00 (W3C Trace Context §3.2): `00-<trace>-<span>-<flags>` in lower-case hexadecimal.
///
/// It always names a trace and a span: ids of zeros are refused. What does not read as one is dropped, never repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The whole trace.
    pub trace: [u8; 16],
    /// The span that led here.
    pub span: [u8; 8],
    /// Bit 0: whether the trace is sampled.
    pub flags: u8,
}

/// Not a `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent of version 00 (W3C Trace Context)")]
pub struct NotTraceParent;

impl TraceParent {
    /// The trace's id: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        hex::encode(self.trace)
    }
}

impl FromStr for TraceParent {
    type Err = NotTraceParent;

    fn from_str(text: &str) -> Result<Self, NotTraceParent> {
        let mut parts = text.split('-');
        let (Some("00"), Some(trace), Some(span), Some(flags), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotTraceParent);
        };
        let read =
            Self { trace: lower_hex(trace)?, span: lower_hex(span)?, flags: lower_hex::<1>(flags)?[0] };
        if read.trace == [0; 16] || read.span == [0; 8] {
            return Err(NotTraceParent);
        }
        Ok(read)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", hex::encode(self.trace), hex::encode(self.span), self.flags)
    }
}

fn lower_hex<const N: usize>(text: &str) -> Result<[u8; N], NotTraceParent> {
    let mut bytes = [0; N];
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(NotTraceParent);
    }
    hex::decode_to_slice(text, &mut bytes).map_err(|_| NotTraceParent)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of W3C Trace Context §3.2.4: sampled, and not.
    const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const NOT_SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    #[test]
    fn the_examples_of_the_specification_are_read_and_written() {
        let read: TraceParent = SAMPLED.parse().unwrap();
        let trace = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes();
        let span = 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes();
        assert_eq!(read, TraceParent { trace, span, flags: 1 });
        assert_eq!(read.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        for text in [SAMPLED, NOT_SAMPLED] {
            assert_eq!(text.parse::<TraceParent>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_the_specification_forbids_is_refused() {
        for text in [
            "",
            "00",
            // Version ff, and those that are not known yet.
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            // Ids of zeros.
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            // Upper case, other lengths, other characters, something after the flags.
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b70-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-+1",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nEvil: 1",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(text.parse::<TraceParent>(), Err(NotTraceParent), "{text}");
        }
    }
}

//! The event stream, without I/O.

use std::mem;

/// Longest event: a page of an item is a few kilobytes.
const EVENT_LEN_MAX: usize = 1 << 20;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SseEvent {
    pub(super) name: String,
    pub(super) data: String,
}

/// The peer sends an event that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Bytes in, events out.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    input: Vec<u8>,
    event: SseEvent,
}

impl Decoder {
    /// Takes bytes in, as they come.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        let held = self.input.len().saturating_add(self.event.data.len());
        if held.saturating_add(bytes.len()) > EVENT_LEN_MAX.saturating_mul(2) {
            return Err(TooLong);
        }
        self.input.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole event.
    pub(super) fn next_event(&mut self) -> Option<SseEvent> {
        while let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.input.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            if let Some(event) = self.line(line) {
                return Some(event);
            }
        }
        None
    }

    fn line(&mut self, line: &str) -> Option<SseEvent> {
        if line.is_empty() {
            let event = mem::take(&mut self.event);
            return (!event.data.is_empty()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // Comments (an empty field), ids and retry times mean nothing here.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text = ": hello\n\nevent: gateway\ndata: {\"a\":\r\ndata: 1}\nid: 7\n\nevent: x\n\ndata: 2\n\n";
        for size in [1, 2, 7, text.len()] {
            let mut decoder = Decoder::default();
            let mut events = Vec::new();
            for chunk in text.as_bytes().chunks(size) {
                decoder.push(chunk).unwrap();
                events.extend(std::iter::from_fn(|| decoder.next_event()));
            }
            let event = |name: &str, data: &str| SseEvent {
                name: name.to_owned(),
                data: data.to_owned(),
            };
            assert_eq!(
                events,
                [event("gateway", "{\"a\":\n1}"), event("", "2")],
                "{size}"
            );
        }
    }

    #[test]
    fn an_event_without_an_end_is_refused() {
        let mut decoder = Decoder::default();
        let chunk = vec![b'x'; EVENT_LEN_MAX];
        decoder.push(&chunk).unwrap();
        decoder.push(&chunk).unwrap();
        assert_eq!(decoder.next_event(), None);
        assert_eq!(decoder.push(b"x"), Err(TooLong));
    }
}

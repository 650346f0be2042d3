//! An entry as a line of a file of traces: JSON, and what
//! [`TraceEntry`](message_bus::admin::TraceEntry) reads.
//!
//! Written without a serializer: what nearly all text is made of needs no escape, and is copied whole.

use std::io::{self, Write as _};

use message_bus::{ChannelId, admin::TraceAction};
use model::Timestamp;
use serde::Serialize;

use crate::message::MessageId;

/// An entry, without memory of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'e> {
    pub(super) time: Timestamp,
    pub(super) action: TraceAction,
    pub(super) code: &'e str,
    pub(super) info: &'e str,
    pub(super) client_id: &'e str,
    pub(super) channel: Option<ChannelId>,
    pub(super) message: Option<MessageId>,
    pub(super) topic: Option<&'e str>,
}

impl Line<'_> {
    /// Puts the line behind others, as entry `number`.
    pub(super) fn write(&self, number: u64, out: &mut Vec<u8>) -> io::Result<()> {
        out.extend_from_slice(b"{\"n\":");
        json(&number, out)?;
        out.extend_from_slice(b",\"e\":{\"time\":");
        json(&self.time, out)?;
        out.extend_from_slice(b",\"action\":");
        json(&self.action, out)?;
        out.extend_from_slice(b",\"code\":");
        text(self.code, out)?;
        out.extend_from_slice(b",\"info\":");
        text(self.info, out)?;
        out.extend_from_slice(b",\"client_id\":");
        text(self.client_id, out)?;
        if let Some(ChannelId(number)) = self.channel {
            out.extend_from_slice(b",\"channel_id\":");
            hex(number, out);
        }
        if let Some(MessageId(number)) = self.message {
            out.extend_from_slice(b",\"message_id\":");
            hex(number, out);
        }
        if let Some(topic) = self.topic {
            out.extend_from_slice(b",\"topic\":");
            text(topic, out)?;
        }
        out.extend_from_slice(b"}}\n");
        Ok(())
    }
}

fn json(value: &impl Serialize, out: &mut Vec<u8>) -> io::Result<()> {
    Ok(serde_json::to_writer(out.by_ref(), value)?)
}

fn text(text: &str, out: &mut Vec<u8>) -> io::Result<()> {
    let special = |byte| byte < b' ' || byte == b'"' || byte == b'\\';
    // All are looked at, several at once.
    if text.bytes().fold(false, |any, byte| any | special(byte)) {
        return json(&text, out);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    Ok(())
}

/// As both identifiers are shown.
fn hex(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 16];
    hex::encode_to_slice(number.to_be_bytes(), &mut digits).expect("two digits a byte");
    out.push(b'"');
    out.extend_from_slice(&digits);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use message_bus::admin::TraceEntry;

    use super::{super::store::Numbered, *};

    fn read(line: &Line<'_>, number: u64) -> Numbered {
        let mut bytes = b"before\n".to_vec();
        line.write(number, &mut bytes).unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        let text = text.strip_prefix("before\n").unwrap();
        assert_eq!(text.find('\n'), Some(text.len() - 1), "one line");
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_line_says_all_that_an_entry_has() {
        let (channel, message) = (ChannelId(0x0123_4567_89ab_cdef), MessageId(7));
        let line = Line {
            time: Timestamp::from_millis(1_700_000_000_123),
            action: TraceAction::PushOffline,
            code: "delivered",
            info: "with \"quotes\", a \\, a line\nand \u{7f}ü€",
            client_id: "GID_test@@@a",
            channel: Some(channel),
            message: Some(message),
            topic: Some("fleet/p2p/\u{1}"),
        };
        let wanted = Numbered {
            n: 42,
            e: TraceEntry {
                time: line.time,
                action: line.action,
                code: line.code.to_owned(),
                info: line.info.to_owned(),
                client_id: line.client_id.to_owned(),
                channel_id: Some(channel.to_string()),
                message_id: Some(message.to_string()),
                topic: line.topic.map(str::to_owned),
            },
        };
        assert_eq!(read(&line, 42), wanted);
    }

    #[test]
    fn what_an_entry_does_not_have_is_not_there() {
        let line = Line {
            time: Timestamp::from_millis(0),
            action: TraceAction::Connect,
            code: "",
            info: "",
            client_id: "",
            channel: None,
            message: None,
            topic: None,
        };
        let read = read(&line, u64::MAX);
        assert_eq!(read.n, u64::MAX);
        assert_eq!(
            (read.e.channel_id, read.e.message_id, read.e.topic),
            (None, None, None)
        );
    }
}

//! Standard output of `ctl`.

use std::io::{self, Write as _};

use serde_json::Value;

use super::CtlError;

/// For people or for programs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads it.
    pub(super) fn is_json(self) -> bool {
        self.json
    }

    /// The API's answer itself, or what people want to see of it.
    pub(super) fn show(
        self,
        answer: &Value,
        for_people: impl FnOnce() -> String,
    ) -> Result<(), CtlError> {
        if self.json {
            print(&format!("{answer}\n"))
        } else {
            print(&for_people())
        }
    }

    /// More for people, which programs find in the answer.
    pub(super) fn note(self, text: &str) -> Result<(), CtlError> {
        if self.json { Ok(()) } else { print(text) }
    }

    /// The answer that says what went wrong, for programs; people get the sentence.
    pub(super) fn error_body(self, body: &Value) -> Result<(), CtlError> {
        if self.json {
            print(&format!("{body}\n"))
        } else {
            Ok(())
        }
    }
}

/// Writes to standard output. A reader that has gone (`| head`) has seen enough: no error.
pub(crate) fn print(text: &str) -> Result<(), CtlError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

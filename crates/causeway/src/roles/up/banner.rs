//! What `up` prints once all is ready.

use std::borrow::Cow;

use super::{demo::NAME, ready::Ready};

/// The whole text. Its commands work by copy and paste where `program` does.
pub(super) fn text(ready: &Ready, program: &str) -> String {
    let (data, program) = (quoted(&ready.data_dir), quoted(program));
    let login = match &ready.console.password {
        Some(password) => format!(
            "{} / {password}   (shown only this once; ctl below needs no password)",
            ready.console.user
        ),
        None => format!("{} / your password", ready.console.user),
    };
    let mount = ready.gateway.mount_command.as_deref();
    let mount = mount.unwrap_or("(the share `demo` was deleted)");
    let store = &ready.object_store;
    format!(
        "Causeway is ready. Ctrl-C stops it; the next start goes on where this one ends.\n\
         \n\
         Console    {url}\n\
         Log in     {login}\n\
         Mount      {mount}\n\
         Objects    {directory}/{prefix}\n\
         S3         {endpoint}, bucket {bucket}, keys in {data}/object-store.json\n\
         \n\
         Try:\n\
         \x20 {program} ctl --data {data} gateway list\n\
         \x20 {program} ctl --data {data} share show {NAME} {NAME}\n\
         \x20 {program} ctl --data {data} share sync {NAME} {NAME}\n\
         \n\
         Forgot the password:\n\
         \x20 {program} console reset-password --data {data}/console\n",
        url = ready.console.url,
        directory = store.directory,
        prefix = store.prefix,
        endpoint = store.endpoint,
        bucket = store.bucket,
    )
}

/// A word for the shell.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_a_meaning_to_the_shell_are_quoted() {
        assert_eq!(quoted("/srv/causeway-data"), "/srv/causeway-data");
        assert_eq!(quoted("/my data"), "'/my data'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}

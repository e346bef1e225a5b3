//! The keys above all sections, and tags, flags and webhooks.

use payinfra_aws::names::{Kind, Suffix};

use std::collections::BTreeSet;

use super::https;
use crate::settings::error::Findings;
use crate::settings::{Key, REGION, Settings};

/// Tags payinfra sets itself.
const OWN_TAGS: [&str; 3] = ["Environment", "Project", "Name"];

/// AWS accepts 50 on most resources, of which five are payinfra's.
const MOST_TAGS: usize = 45;

/// The functions read at most 2,000 parameters; this leaves some for everything else.
const MOST_WEBHOOKS: usize = 1_900;

pub(super) fn check(settings: &Settings, findings: &mut Findings) {
    if settings.project.is_empty() || settings.project.chars().count() > 256 || !is_tag_text(&settings.project) {
        findings.refuse(&Key::of("project"), format!("{:?} is not a tag value", settings.project));
    }
    if let Some(Err(error)) = settings.suffix.as_deref().map(Suffix::parse) {
        findings.refuse_but(&Key::of("suffix"), error.to_string(), "");
    }
    if let Some(account) = &settings.account
        && !is_account(account)
    {
        findings.refuse(&Key::of("account"), format!("{account:?} is not an account ID"));
    }
    if settings.region != REGION {
        findings.refuse(
            &Key::of("region"),
            format!("{:?} is refused: the stack is built and priced for one region", settings.region),
        );
    }
    state(&settings.state, findings);
    tags(settings, findings);
    features(settings, findings);
    webhooks(settings, findings);
}

/// Returns whether `text` is an account id.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Returns whether every service that accepts tags accepts these characters.
fn is_tag_text(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c))
}

fn state(state: &str, findings: &mut Findings) {
    let key = Key::of("state");
    if let Err(reason) = check_state(state) {
        findings.refuse(&key, reason);
    }
    let bucket = state.strip_prefix("s3://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if bucket.starts_with(&format!("{}-", Kind::Bucket.prefix())) {
        findings.warn(&key, format!("{bucket:?} looks like a bucket of a stack, which `destroy` deletes"));
    }
}

/// Checks a place for the state, wherever it was given.
///
/// # Errors
/// What is wrong with it, as a fragment.
pub fn check_state(state: &str) -> Result<(), String> {
    let Some(rest) = state.strip_prefix("s3://") else {
        // Only a shell expands `~`, and it does not read the configuration.
        if state.split('/').next().is_some_and(|first| first.starts_with('~')) {
            return Err(format!("{state:?} starts with `~`, which is not expanded here; write out the home folder"));
        }
        let good = !state.is_empty() && !state.contains("://") && !state.chars().any(char::is_control);
        return if good { Ok(()) } else { Err(format!("{state:?} is neither a folder nor an s3 address")) };
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let good_bucket = (3..=63).contains(&bucket.len())
        && bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
        && bucket.ends_with(|c: char| c.is_ascii_alphanumeric());
    if !good_bucket {
        return Err(format!("{bucket:?} is not a bucket name"));
    }
    if prefix.split('/').any(str::is_empty) {
        return Err(format!("{state:?} has no prefix, or an empty part in it"));
    }
    Ok(())
}

fn tags(settings: &Settings, findings: &mut Findings) {
    let tags = Key::of("tags");
    let mut seen = BTreeSet::new();
    for (name, value) in &settings.tags {
        let key = tags.child(name);
        let lower = name.to_lowercase();
        if lower.starts_with("aws:") || lower.starts_with("payinfra:") {
            findings.refuse_but(
                &key,
                format!("{name:?} starts with a prefix that belongs to AWS or payinfra"),
                "another prefix",
            );
        } else if OWN_TAGS.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            findings.refuse_but(&key, format!("payinfra sets the tag {name:?} itself"), "another name");
        } else if name.is_empty() || name.chars().count() > 128 || !is_tag_text(name) {
            findings.refuse(&key, format!("{name:?} is not a tag name"));
        }
        // To IAM, two tags that differ only in case are the same.
        if !seen.insert(lower) {
            findings.refuse_but(&key, format!("{name:?} differs from another tag only in case"), "another name");
        }
        if value.chars().count() > 256 || !is_tag_text(value) {
            findings.refuse(&key, format!("{value:?} is not a tag value"));
        }
    }
    if settings.tags.len() > MOST_TAGS {
        findings.refuse_but(
            &tags,
            format!("{} tags are too many", settings.tags.len()),
            format!("at most {MOST_TAGS}, since AWS accepts 50 and payinfra needs five"),
        );
    }
}

fn features(settings: &Settings, findings: &mut Findings) {
    for name in settings.features.keys() {
        let good = name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !good {
            findings.refuse(&Key::of("features").child(name), format!("{name:?} is not a flag name"));
        }
    }
}

fn webhooks(settings: &Settings, findings: &mut Findings) {
    if settings.webhooks.len() > MOST_WEBHOOKS {
        findings.refuse_but(
            &Key::of("webhooks"),
            format!("{} webhooks are too many", settings.webhooks.len()),
            format!("at most {MOST_WEBHOOKS}"),
        );
    }
    for (merchant, address) in &settings.webhooks {
        let key = Key::of("webhooks").child(merchant);
        let good = (1..=64).contains(&merchant.len())
            && merchant.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !good {
            findings.refuse(&key, format!("{merchant:?} is not a merchant ID"));
        }
        match https::host(address) {
            Err(reason) => findings.refuse(&key, reason),
            // The functions' security group opens only 443.
            Ok(_) if !https::has_default_port(address) => {
                findings
                    .refuse(&key, format!("{address:?} has a port that the functions cannot reach: only 443 is open"));
            }
            Ok(_) => {}
        }
    }
}

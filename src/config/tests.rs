#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the seed must be printed")]

use payinfra_stack::settings::{Key, Nat, allowed};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

#[path = "../../tests/support/property.rs"]
mod property;
#[path = "../../tests/support/summary.rs"]
#[allow(dead_code, reason = "these tests count for one of its lists")]
mod summary;

use super::read::Document;
use super::schema::Schema;
use super::*;

const SHIPPED: &str = include_str!("../../payinfra.toml");

fn load_text(text: &str, suffix: Option<&str>) -> Result<Loaded, Vec<String>> {
    parse(Some("payinfra.toml"), text, suffix).map_err(|errors| errors.to_string().lines().map(str::to_owned).collect())
}

#[track_caller]
fn errors(text: &str) -> Vec<String> {
    load_text(text, Some("prod")).unwrap_err()
}

/// The shipped file with every example switched on.
fn shipped_with_examples() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(example) if !example.starts_with(' ') => format!("{example}\n"),
        _ => format!("{line}\n"),
    };
    SHIPPED.lines().map(line).collect()
}

fn defaults(suffix: &str) -> Settings {
    Settings { suffix: Some(suffix.to_owned()), ..Settings::default() }
}

#[test]
fn the_shipped_file_is_the_defaults() {
    let loaded = load_text(SHIPPED, Some("prod")).unwrap();
    assert_eq!(loaded.settings, defaults("prod"));
}

#[test]
fn the_shipped_file_has_every_key_and_valid_examples() {
    let text = shipped_with_examples();
    let mut report = Report::new(&text);
    let Document { base, environments, .. } = read::document(&text, &mut report).unwrap();
    assert_eq!(report.finish(), [], "an example is not valid");
    assert_eq!(environments.len(), 2);
    for path in Schema::of::<Settings>().unwrap().values() {
        assert!(contains(&base, &path), "{} is not in payinfra.toml", path.join("."));
    }
    for suffix in ["prod", "dev"] {
        load_text(&text, Some(suffix)).unwrap();
    }
}

fn contains(table: &document::Table<'_>, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    table.iter().filter(|(name, _)| first == "*" || name.get_ref() == first).any(|(_, value)| match value.get_ref() {
        document::Value::Table(below) => contains(below, rest),
        _ => rest.is_empty(),
    })
}

#[test]
fn every_key_has_a_row_in_the_settings_table() {
    for path in Schema::of::<Settings>().unwrap().values() {
        let key = path.iter().fold(Key::root(), |key, part| key.child(part));
        assert!(allowed(&key).is_some(), "{key} has no row in the settings table");
    }
}

#[test]
fn the_schema_has_sections_and_names() {
    let values: Vec<String> = Schema::of::<Settings>().unwrap().values().iter().map(|path| path.join(".")).collect();
    for key in [
        "suffix",
        "network.cidr",
        "network.nat",
        "tags.*",
        "api.domain.name",
        "api.routes.*.throttle_rate",
        "functions.payment-validation.memory_mb",
        "monitoring.thresholds.api_5xx_percent",
    ] {
        assert!(values.iter().any(|value| value == key), "{key} is missing");
    }
}

#[test]
fn an_absent_default_file_gives_the_defaults_and_a_named_one_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(parse(None, "", Some("prod")).unwrap().settings, defaults("prod"));
    let error = load(Some(&folder.path().join("other.toml")), Some("prod")).unwrap_err().to_string();
    assert!(error.contains("other.toml: cannot read the configuration: "), "{error}");
    let file = folder.path().join("named.toml");
    std::fs::write(&file, "[network]\nnat = \"single\"\n").unwrap();
    assert_eq!(load(Some(&file), Some("prod")).unwrap().settings.network.nat, Nat::Single);
    std::fs::write(&file, [0xff, 0xfe]).unwrap();
    assert!(load(Some(&file), Some("prod")).unwrap_err().to_string().ends_with("the configuration is not UTF-8"));
    std::fs::write(&file, vec![b'#'; LARGEST_FILE + 1]).unwrap();
    assert!(load(Some(&file), Some("prod")).unwrap_err().to_string().contains("larger than 1024 KiB"));
}

#[test]
fn a_bad_value_is_shown_with_its_place_and_what_is_allowed() {
    assert_eq!(
        errors("\n[network]\ncidr = \"10.0.0.0/28\"\n"),
        ["payinfra.toml:3:1: network.cidr: 10.0.0.0/28 is too small: the VPC needs a /16 to /22; \
          allowed: a private IPv4 range from /16 to /22, such as 10.0.0.0/16"]
    );
    assert_eq!(
        errors("logs = { retention_days = 2 }")[0].split("; allowed").next().unwrap(),
        "payinfra.toml:1:10: logs.retention_days: 2 is not offered"
    );
}

#[test]
fn an_unknown_key_comes_with_the_one_that_was_meant() {
    for (text, expected) in [
        ("databse.instances = 3", "1:9: unknown key `databse.instances`; did you mean `database.instances`?"),
        ("[databse]\ninstances = 3", "2:1: unknown key `databse.instances`; did you mean `database.instances`?"),
        (
            "[database]\ninstance-class = \"db.r6g.large\"",
            "2:1: unknown key `database.instance-class`; did you mean `database.instance_class`?",
        ),
        ("instances = 3", "1:1: unknown key `instances`; did you mean `database.instances`?"),
        (
            "[env.prod.databse]\ninstances = 3",
            "2:1: unknown key `env.prod.databse.instances`; did you mean `env.prod.database.instances`?",
        ),
        (
            "[env.dev.network]\nnatt = \"none\"",
            "2:1: unknown key `env.dev.network.natt`; did you mean `env.dev.network.nat`?",
        ),
        (
            "[api.routes.\"GET /health\"]\nthrotle_rate = 3",
            "2:1: unknown key `api.routes.\"GET /health\".throtle_rate`; did you mean `api.routes.\"GET /health\".throttle_rate`?",
        ),
        (
            "[functions.payment-validatoin]\nmemory_mb = 512",
            "2:1: unknown key `functions.payment-validatoin.memory_mb`; did you mean `functions.payment-validation.memory_mb`?",
        ),
        ("evn.prod.trail = true", "1:10: unknown key `evn.prod.trail`; did you mean `env.prod.trail`?"),
        ("[database]\ncolour = 1", "2:1: unknown key `database.colour`"),
    ] {
        assert_eq!(errors(text), [format!("payinfra.toml:{expected}")], "{text}");
    }
}

#[test]
fn a_wrong_type_is_shown_with_its_place_and_what_is_allowed() {
    for (text, expected) in [
        ("trail = \"yes\"", "1:1: trail: invalid type: string \"yes\", expected a boolean; allowed: true or false"),
        (
            "[database]\ninstances = -1",
            "2:1: database.instances: invalid value: integer `-1`, expected u32; allowed: 2 to 16",
        ),
        (
            "[network]\nnat = \"both\"",
            "2:1: network.nat: unknown variant `both`, expected one of `per-zone`, `single`, `none`; \
             allowed: per-zone, single or none",
        ),
        ("network = 3", "1:1: network: invalid type: integer `3`, expected struct Network"),
        ("env = 3", "1:1: env: it is not a table; allowed: a table for each suffix, such as [env.prod]"),
        ("[env]\nprod = 3", "2:1: env.prod: it is not a table; allowed: settings for this suffix"),
        ("[env.prod]\nsuffix = \"x\"", "2:1: env.prod.suffix: the name of the section is the suffix"),
        (
            "[env.dev]\ntrail = 1",
            "2:1: env.dev.trail: invalid type: integer `1`, expected a boolean; allowed: true or false",
        ),
    ] {
        assert_eq!(errors(text), [format!("payinfra.toml:{expected}")], "{text}");
    }
    let found = errors("[network]\ncidr = \"ten\"");
    assert!(found[0].starts_with("payinfra.toml:2:1: network.cidr: ") && found[0].contains("/16 to /22"), "{found:?}");
}

#[test]
fn all_errors_come_at_once_in_the_order_of_the_file() {
    let text = "
trail = \"yes\"
region = \"eu-west-1\"
[network]
cidr = 4
zones = [\"us-east-1a\"]
[database]
instances = 1
backup_windw = \"x\"
[env.Prod]
[env.dev.logs]
retention_days = 2
[env.dev.api]
throttle_rate = 0
";
    let places: Vec<String> =
        errors(text).iter().map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        places,
        [
            "payinfra.toml:2:1 trail",
            "payinfra.toml:3:1 region",
            "payinfra.toml:5:1 network.cidr",
            "payinfra.toml:9:1 unknown key `database.backup_windw`; did you mean `database.backup_window`?",
            "payinfra.toml:10:6 env.Prod",
            "payinfra.toml:12:1 env.dev.logs.retention_days",
            "payinfra.toml:14:1 env.dev.api.throttle_rate",
        ]
    );
}

#[test]
fn what_is_not_toml_is_shown_with_its_place() {
    let found = errors("trail = true\nregion = \n[x\n");
    assert!(found.iter().all(|line| line.starts_with("payinfra.toml:")), "{found:?}");
    assert!(found[0].starts_with("payinfra.toml:2:"), "{found:?}");
    assert!(errors("trail = true\ntrail = true\n")[0].starts_with("payinfra.toml:2:1: not valid TOML: duplicate key"));
}

#[test]
fn a_suffix_comes_from_the_flag_or_the_file() {
    let loaded = load_text("suffix = \"dev\"", None).unwrap();
    assert_eq!((loaded.suffix.as_str(), loaded.settings.suffix.as_deref()), ("dev", Some("dev")));
    assert_eq!(load_text("suffix = \"dev\"", Some("prod")).unwrap().suffix.as_str(), "prod");
    let missing = load_text("trail = false", None).unwrap_err();
    assert!(missing[0].contains("--suffix") && missing[0].contains("PAYINFRA_SUFFIX"), "{missing:?}");
    let bad = load_text("", Some("Prod")).unwrap_err();
    assert!(
        bad[0]
            .starts_with("--suffix or PAYINFRA_SUFFIX: suffix `Prod`: 'P' is not allowed in a name; allowed: 1 to 16"),
        "{bad:?}"
    );
    assert_eq!(load_text("", Some("")).unwrap_err().len(), 1);
    let in_file = load_text("trail = true\nsuffix = \"Prod\"", None).unwrap_err();
    assert!(in_file.len() == 1 && in_file[0].starts_with("payinfra.toml:2:1: suffix: "), "{in_file:?}");
    assert_eq!(load_text("suffix = 3", None).unwrap_err().len(), 1);
}

#[test]
fn an_environment_overrides_the_base_deeply() {
    let text = "
[database]
instances = 3
backup_retention_days = 14
[tags]
team = \"payments\"
[env.prod.database]
instances = 4
[env.prod.tags]
tier = \"1\"
[env.dev]
trail = false
";
    let prod = load_text(text, Some("prod")).unwrap().settings;
    assert_eq!((prod.database.instances, prod.database.backup_retention_days, prod.trail), (4, 14, true));
    assert_eq!(prod.tags.len(), 2);
    let dev = load_text(text, Some("dev")).unwrap().settings;
    assert_eq!((dev.database.instances, dev.trail, dev.tags.len()), (3, false, 1));
    let other = load_text(text, Some("stage")).unwrap();
    assert_eq!(other.settings.database.instances, 3);
    assert!(other.warnings.iter().any(|line| {
        line.contains("no [env.stage] section (found: [env.dev], [env.prod]); only the base settings apply")
    }));
}

#[test]
fn an_error_in_an_override_is_shown_there_and_one_in_the_base_once() {
    let text = "
[network]
public_cidrs = [\"10.0.0.0/24\"]
[env.prod.network]
cidr = \"10.0.0.0/30\"
[env.dev]
trail = true
";
    let found = errors(text);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("payinfra.toml:3:1: network.public_cidrs: 1 ranges for 3 zones"), "{found:?}");
    assert!(found[1].starts_with("payinfra.toml:5:1: env.prod.network.cidr: 10.0.0.0/30 is too small"), "{found:?}");
}

#[test]
fn two_stacks_cannot_have_one_domain() {
    let text = "
[env.dev.api.domain]
name = \"pay.example.com\"
hosted_zone_id = \"Z123\"
[env.prod.api.domain]
name = \"pay.example.com\"
hosted_zone_id = \"Z123\"
";
    assert_eq!(
        errors(text),
        ["payinfra.toml:6:1: env.prod.api.domain.name: \"pay.example.com\" is the domain of both `dev` and `prod`; \
          allowed: a domain for each suffix"]
    );
    let inherited = "[api.domain]\nname = \"pay.example.com\"\nhosted_zone_id = \"Z123\"\n[env.dev]\ntrail = false\n";
    assert!(errors(inherited)[0].starts_with("payinfra.toml:2:1: api.domain.name: "));
    assert!(load_text(inherited, Some("dev")).is_ok());
}

#[test]
fn warnings_name_their_place() {
    let loaded = load_text("\n[logs]\nretention_days = 30\n", Some("prod")).unwrap();
    assert!(loaded.warnings.contains(
        &"payinfra.toml:3:1: logs.retention_days: 30 is less than the year that PCI DSS requires".to_owned()
    ));
}

/// Runs a property and adds its count to the summary.
fn fuzz<S: Strategy>(what: &str, values: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let counts = property::holds(256, values, test);
    println!("{what}: {counts}");
    summary::line(9, &format!("{what}, {counts}: 0 panics"));
}

/// Whatever a file holds, loading it ends with settings or with errors that all name the file.
#[test]
fn no_text_makes_it_panic() {
    let text = "([a-z_.\\[\\]\"{}=#,0-9\\-é \n]|network|cidr|env|prod|database|instances|tags|true){0,80}";
    fuzz("texts read as a configuration", &text, |text: String| {
        if let Err(lines) = load_text(&text, Some("prod")) {
            prop_assert!(!lines.is_empty());
            prop_assert!(lines[0].starts_with("payinfra.toml:"), "{}", lines[0]);
        }
        Ok(())
    });
}

/// A shipped file with some bytes replaced is read or refused, never a panic; an error names file and place.
#[test]
fn no_damage_makes_it_panic() {
    let cuts = proptest::collection::vec((0..SHIPPED.len(), "[\\[\\]=\"#a.0\n]{0,3}"), 1..6);
    fuzz("damaged configurations", &cuts, |cuts| {
        let mut text = shipped_with_examples();
        for (at, put) in cuts {
            let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let end = (at + 2).min(text.len());
            if text.is_char_boundary(end) {
                text.replace_range(at..end, &put);
            }
        }
        if let Err(lines) = load_text(&text, Some("prod")) {
            prop_assert!(lines.iter().all(|line| line.starts_with("payinfra.toml:")), "{lines:?}");
        }
        Ok(())
    });
}

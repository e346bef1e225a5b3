//! A plan as text: what happens to each resource, and why.

use payinfra_engine::{Action, Change, Plan, Purpose};

use super::attribute::{render_attribute, render_new};
use super::reason::reason;
use super::style::{BOLD, DIM, GREEN, RED, YELLOW};

/// Renders a whole plan, with its counts last.
pub(super) fn render_plan(plan: &Plan, title: &str) -> String {
    let mut text = format!("{BOLD}Stack {title}{BOLD:#}\n");
    if plan.is_empty() {
        let nothing = match plan.purpose {
            Purpose::Up => format!("No changes: {} resources are as configured.\n", plan.changes.len()),
            Purpose::Destroy => "Nothing to destroy.\n".to_owned(),
        };
        return text + &nothing;
    }
    text.push('\n');
    plan.acting().for_each(|change| text += &render_change(change));
    let counts: Vec<String> = [
        (Action::Create, "to create"),
        (Action::Update, "to update"),
        (Action::Replace, "to replace"),
        (Action::Delete, "to delete"),
        (Action::NoOp, "unchanged"),
    ]
    .iter()
    .filter(|(action, _)| plan.count(*action) > 0)
    .map(|(action, word)| format!("{} {word}", plan.count(*action)))
    .collect();
    text + &format!("\n{BOLD}Plan:{BOLD:#} {}\n", counts.join(", "))
}

fn render_change(change: &Change) -> String {
    let (style, sign, verb) = match change.action {
        Action::NoOp => (DIM, " ", "keep"),
        Action::Create => (GREEN, "+", "create"),
        Action::Update => (YELLOW, "~", "update"),
        Action::Replace => (RED, "±", "replace"),
        Action::Delete => (RED, "-", "delete"),
    };
    let id = change.live.as_ref().map(|live| format!("  {DIM}{}{DIM:#}", live.id)).unwrap_or_default();
    let why = reason(&change.because);
    let mut text = format!("  {style}{sign} {verb} {}{style:#}{id}  {DIM}{why}{DIM:#}\n", change.address);
    match change.action {
        Action::Create => change.attributes.iter().for_each(|attribute| text += &render_new(attribute)),
        _ => change.attributes.iter().for_each(|attribute| text += &render_attribute(attribute)),
    }
    text
}

//! `payinfra up`: bring the stack to its configuration.

use payinfra_engine::{Action, ApplyError, Outcome, Plan, execute, plan};

use crate::cli::Global;
use crate::commands::verify;
use crate::problem::{Exit, Problem, exit_of};
use crate::render::{self, Progress, Screen};
use crate::session::Session;

/// Arguments of `up`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Verify the stack at the end, as `payinfra verify` does
    #[arg(long)]
    pub verify: bool,
}

/// Runs the command.
pub async fn run(global: &Global, args: &Args, screen: &Screen) -> Result<Exit, Problem> {
    let session = Session::open(global, screen, "up").await?;
    let end = bring_up(global, args, screen, &session).await;
    session.leave(screen, end).await
}

async fn bring_up(global: &Global, args: &Args, screen: &Screen, session: &Session) -> Result<Exit, Problem> {
    session.require_artifacts()?;
    let plan = plan(&session.graph, &session.journal, &session.base, &|_| {}).await.map_err(Problem::from)?;
    screen.plan(&plan, &session.title());
    if plan.count(Action::Create) > 0 {
        session.check_capacity(screen).await?;
    }
    if !plan.is_empty() {
        confirm(global, screen, plan.destroys())?;
    }
    let outcome = carry_out(&plan, session, screen).await;
    let closed = session.close().await;
    let end = finish(screen, outcome, &global.command("up", session.suffix()), session);
    // Where the run has failed, its own errors say more than the state's that follow from them.
    let exit = end.and_then(|exit| closed.map(|()| exit))?;
    if session.sandbox().is_some()
        && let Some(local) = session.local_api()
    {
        screen.commands(&render::commands(&local.url(), session.design().settings.api.auth, session.suffix()));
    }
    if args.verify {
        return verify::check(session, verify::PATIENCE_SECONDS, screen).await;
    }
    Ok(exit)
}

/// Carries a plan out and shows how it goes.
pub async fn carry_out(plan: &Plan, session: &Session, screen: &Screen) -> Outcome {
    session.signals.work_begins(&session.stop);
    let progress = Progress::start(screen, plan);
    let show = |event| progress.event(event);
    let outcome = execute(plan, &session.graph, &session.journal, &session.base, &show, &session.stop).await;
    progress.finish();
    outcome
}

/// Asks on a terminal; without one, only what destroys nothing goes on unasked.
fn confirm(global: &Global, screen: &Screen, destroys: bool) -> Result<(), Problem> {
    if global.yes || (!screen.is_terminal() && !destroys) {
        return Ok(());
    }
    if !screen.is_terminal() {
        let problem = Problem::new(Exit::Usage, "the plan deletes resources, and there is no terminal to ask");
        return Err(problem.hint("Nothing was changed. Read the plan above and add --yes to carry it out."));
    }
    if screen.ask("Do this? [y/N] ")?.eq_ignore_ascii_case("y") {
        return Ok(());
    }
    Err(Problem::new(Exit::Failed, "not confirmed").hint("Nothing was changed."))
}

/// Says how a run ended and what to do next: `again` is the command that goes on from there.
pub fn finish(screen: &Screen, outcome: Outcome, again: &str, session: &Session) -> Result<Exit, Problem> {
    let in_place = session.journal.read(|stack| stack.records.len());
    match outcome {
        Outcome::Interrupted(summary) | Outcome::Failed(summary, _) if session.is_lost() => {
            screen.summary(&summary);
            Ok(Exit::Locked)
        }
        Outcome::Completed(summary) => {
            screen.summary(&summary);
            Ok(Exit::Done)
        }
        Outcome::Interrupted(summary) => {
            screen.summary(&summary);
            let problem = Problem::new(Exit::Interrupted, "interrupted");
            Err(problem
                .hint(format!("{in_place} resources are in place and recorded. Run `{again}` to go on from here.")))
        }
        Outcome::Failed(summary, failures) => {
            screen.summary(&summary);
            let exit = failures.iter().any(|(_, failure)| {
                matches!(failure, ApplyError::State(payinfra_state::Error::Denied { .. }))
                    || failure.class().is_some_and(|class| exit_of(class) == Exit::Denied)
            });
            let exit = if exit { Exit::Denied } else { Exit::Failed };
            let recorded = format!("{in_place} resources are in place and recorded. Then run `{again}` again.");
            Err(report(screen, failures, exit, &recorded))
        }
    }
}

/// Shows every failure but the last, which becomes the command's error.
fn report(
    screen: &Screen,
    failures: Vec<(payinfra_engine::Address, ApplyError)>,
    exit: Exit,
    recorded: &str,
) -> Problem {
    let mut problems: Vec<Problem> = failures
        .into_iter()
        .map(|(address, failure)| Problem::from(failure).context(format!("cannot bring {address} to its plan")))
        .collect();
    let last = problems.pop();
    problems.iter().for_each(|problem| screen.problem(problem));
    let mut last = last.unwrap_or_else(|| Problem::new(exit, "the run failed"));
    last.exit = exit;
    let hint = last.hint.take().map_or_else(|| recorded.to_owned(), |hint| format!("{hint} {recorded}"));
    last.hint(hint)
}

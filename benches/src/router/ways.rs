//! The two ways: a call at once for each request that is due, and a row for the edge of the tiers.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use worldflow_engine::admission::Batch;
use worldflow_schemas::{Command, Input};
use worldflow_sinks::tiers::{Direct, Tiers};

use super::ledger::Ledger;
use super::stage::{Stage, TIER, number_of};
use crate::open_loop::wait_until;

/// Asks the servers when a request is due, with no more between than a task.
pub(super) async fn direct(stage: &Arc<Stage>, ledger: &Arc<Ledger>) -> anyhow::Result<()> {
    let direct = Arc::new(Direct::open(stage.realm.clone(), TIER, |_| None)?);
    let (stage, ledger, over) = (stage.clone(), ledger.clone(), Arc::new(Notify::new()));
    let (tasks, all) = (Handle::current(), over.clone());
    let sending = std::thread::spawn(move || {
        for n in 0..ledger.schedule.count {
            wait_until(ledger.schedule.due(n));
            let row = stage.row(n, 1);
            let (direct, ledger, over) = (direct.clone(), ledger.clone(), over.clone());
            tasks.spawn(async move {
                let server = usize::try_from(n).unwrap_or(0);
                let asked = direct.ask(&row, 1, server, || ledger.first(n)).await;
                if ledger.answered(n, asked.err().as_deref()) {
                    over.notify_one();
                }
            });
        }
    });
    all.notified().await;
    sending.join().ok().context("the thread that sends has ended")
}

/// Puts a row into the view store when a request is due, and takes it out when it is answered.
pub(super) async fn routed(stage: &Arc<Stage>, ledger: &Arc<Ledger>) -> anyhow::Result<()> {
    let mut batches = stage.batches().context("nobody else takes what comes back")?;
    let tiers = Tiers::open(stage.realm.clone(), None, |_| None)?;
    let sending = std::thread::spawn({
        let (stage, ledger) = (stage.clone(), ledger.clone());
        move || send(&stage, &ledger)
    });
    let mut over = false;
    while !over {
        let batch = batches.recv().await.context("the tiers have ended")?;
        over = take(stage, ledger, &batch);
    }
    sending.join().ok().context("the thread that sends has ended")?;
    tiers.close().await;
    Ok(())
}

fn send(stage: &Stage, ledger: &Ledger) {
    let mut next = 0;
    while next < ledger.schedule.count {
        let due = ledger.schedule.due(next);
        wait_until(due);
        let first = next;
        // What is due at the same instant is of one tick.
        while next < ledger.schedule.count && ledger.schedule.due(next) == due {
            next += 1;
        }
        stage.change(|tick| (first..next).map(|n| (stage.row(n, tick), 1)).collect());
    }
}

/// Takes what has come back; whether that was all.
fn take(stage: &Stage, ledger: &Ledger, batch: &Batch) -> bool {
    let (mut over, mut gone) = (false, Vec::new());
    for item in &batch.items {
        match &item.input {
            Input::Command(Command::Sentence(sentence)) if sentence.index == 0 => {
                if let Some(n) = number_of(&sentence.request) {
                    ledger.first(n);
                }
            }
            Input::Command(Command::Reply(reply)) => {
                if let Some(n) = number_of(&reply.request) {
                    let failed = reply.outcome.as_ref().err().map(|reason| reason.as_str());
                    over |= ledger.answered(n, failed);
                }
                gone.extend(stage.row_of(&reply.request));
            }
            _ => {}
        }
    }
    if !gone.is_empty() {
        stage.change(|_| gone.into_iter().map(|row| (row, -1)).collect());
    }
    over
}

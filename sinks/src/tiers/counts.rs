//! What has happened to the requests of a tier, counted once, for metrics and for the view `tiers`.

use worldflow_schemas::Sym;

/// What may happen to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Happened {
    Sent,
    Answered,
    Failed,
    PushedBack,
    Retried,
    Shed,
    Cancelled,
    Fallback,
    Shared,
}

impl Happened {
    /// All of them. Those before `Shared` are in the order of the columns of `tiers`.
    pub(super) const ALL: [Happened; 9] = [
        Happened::Sent,
        Happened::Answered,
        Happened::Failed,
        Happened::PushedBack,
        Happened::Retried,
        Happened::Shed,
        Happened::Cancelled,
        Happened::Fallback,
        Happened::Shared,
    ];

    fn metric(self) -> &'static str {
        match self {
            Happened::Sent => "worldflow_tier_sent_total",
            Happened::Answered => "worldflow_tier_answered_total",
            Happened::Failed => "worldflow_tier_failed_total",
            Happened::PushedBack => "worldflow_tier_pushed_back_total",
            Happened::Retried => "worldflow_tier_retried_total",
            Happened::Shed => "worldflow_tier_shed_total",
            Happened::Cancelled => "worldflow_tier_cancelled_total",
            Happened::Fallback => "worldflow_tier_fallback_total",
            Happened::Shared => "worldflow_tier_shared_total",
        }
    }
}

/// The counts of one tier.
#[derive(Debug)]
pub(super) struct Counts {
    labels: [(&'static str, &'static str); 2],
    happened: [u64; Happened::ALL.len()],
    pub(super) prompt_tokens: u64,
    pub(super) tokens: u64,
}

impl Counts {
    pub(super) fn new(realm: Sym, tier: Sym) -> Counts {
        let labels = [("realm", realm.as_str()), ("tier", tier.as_str())];
        Counts { labels, happened: [0; Happened::ALL.len()], prompt_tokens: 0, tokens: 0 }
    }

    pub(super) fn count(&mut self, happened: Happened) {
        self.happened[happened as usize] += 1;
        metrics::counter!(happened.metric(), &self.labels).increment(1);
    }

    pub(super) fn of(&self, happened: Happened) -> u64 {
        self.happened[happened as usize]
    }

    pub(super) fn tokens(&mut self, prompt: u32, answer: u32) {
        for (name, tokens, sum) in [
            ("worldflow_tier_prompt_tokens_total", prompt, &mut self.prompt_tokens),
            ("worldflow_tier_tokens_total", answer, &mut self.tokens),
        ] {
            *sum += u64::from(tokens);
            metrics::counter!(name, &self.labels).increment(tokens.into());
        }
    }

    pub(super) fn measured(&self, name: &'static str, ms: f64) {
        metrics::histogram!(name, &self.labels).record(ms);
    }

    pub(super) fn gauge(&self, name: &'static str, value: u32) {
        metrics::gauge!(name, &self.labels).set(f64::from(value));
    }
}

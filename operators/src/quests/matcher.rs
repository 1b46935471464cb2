//! Patterns of events, compiled.
//!
//! Kind and target are looked up before; what remains is tested here. It does not know what a
//! pattern is for.

use worldflow_schemas::definitions::{OneOrMany, Pattern, Span};
use worldflow_schemas::{Event, Sym};

use super::condition::{Cond, Test};
use super::context::{Actor, Context};
use super::plan::Plan;

/// What an event must be like.
#[derive(Debug)]
pub(crate) struct Matcher {
    kind: Sym,
    targets: Option<Vec<Sym>>,
    /// The role of the target, or [`Sym::NONE`]; looked at where the event is counted.
    pub(super) role: Sym,
    regions: Option<Vec<Sym>>,
    attributes: Vec<(Sym, Test)>,
    when: Option<Cond>,
    pub(super) within: Option<Span>,
    /// Whether kind and target say all.
    plain: bool,
}

/// Why an event is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refuses {
    Target,
    Region,
    Attribute(Sym),
    Gate,
}

impl Matcher {
    /// Compiles a pattern.
    pub(crate) fn new(def: &Pattern, plan: &mut Plan) -> Matcher {
        let syms = |names: &OneOrMany<String>| -> Vec<Sym> {
            names.as_slice().iter().map(|name| Sym::new(name)).collect()
        };
        let when = def.when.as_ref().filter(|when| !when.is_empty()).map(|when| Cond::new(when, plan));
        Matcher {
            kind: Sym::new(&def.event),
            targets: def.target.as_ref().map(syms),
            role: def.role.as_deref().map_or(Sym::NONE, Sym::new),
            regions: def.region.as_ref().map(syms),
            attributes: def.attributes.iter().map(|(name, test)| (Sym::new(name), Test::new(test))).collect(),
            plain: def.region.is_none() && def.attributes.is_empty() && when.is_none(),
            when,
            within: def.within,
        }
    }

    /// Whether kind and target, or one of the target's tags, are among those named.
    pub(crate) fn fits(&self, kind: Sym, target: Sym, tags: &[Sym]) -> bool {
        self.kind == kind
            && self
                .targets
                .as_ref()
                .is_none_or(|names| names.iter().any(|name| *name == target || tags.contains(name)))
    }

    /// Its kind with each target or tag that it names, or with [`Sym::NONE`] if any target will do.
    pub(super) fn keys(&self) -> impl Iterator<Item = (Sym, Sym)> + '_ {
        let any = self.targets.is_none().then_some(Sym::NONE);
        let names = self.targets.iter().flatten().copied();
        names.chain(any).map(|name| (self.kind, name))
    }

    /// Whether an event of a fitting kind and target is accepted, `within` aside.
    #[inline]
    pub(crate) fn accepts(&self, event: &Event, plan: &Plan, context: &Context, actor: &Actor<'_>) -> bool {
        self.plain || self.accepts_details(event, plan, context, actor)
    }

    /// Whether it is of this kind of events.
    pub(super) fn is_of(&self, kind: Sym) -> bool {
        self.kind == kind
    }

    /// Why an event of its kind is not accepted; `None` when it is.
    pub(super) fn refuses(
        &self,
        event: &Event,
        plan: &Plan,
        context: &Context,
        actor: &Actor<'_>,
    ) -> Option<Refuses> {
        if !self.fits(event.kind, event.target, plan.tags_of(event.target)) {
            return Some(Refuses::Target);
        }
        if self.regions.as_ref().is_some_and(|names| !names.contains(&actor.region)) {
            return Some(Refuses::Region);
        }
        let fails = |(name, test): &&(Sym, Test)| !test.holds(event.attribute(*name));
        if let Some((name, _)) = self.attributes.iter().find(fails) {
            return Some(Refuses::Attribute(*name));
        }
        self.when.as_ref().is_some_and(|when| !when.holds(plan, context, actor)).then_some(Refuses::Gate)
    }

    fn accepts_details(&self, event: &Event, plan: &Plan, context: &Context, actor: &Actor<'_>) -> bool {
        self.regions.as_ref().is_none_or(|names| names.contains(&actor.region))
            && self.attributes.iter().all(|(name, test)| test.holds(event.attribute(*name)))
            && self.when.as_ref().is_none_or(|when| when.holds(plan, context, actor))
    }
}

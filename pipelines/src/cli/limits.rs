//! `--limit NAME=NUMBER`: how much whoever connects may take.

use worldflow_sources::game_socket::Limits;

use super::run::one_of;

/// A limit by its name, and the least that it may be.
type Limit = (&'static str, u32, fn(&mut Limits) -> &mut u32);

/// What can be set. The defaults are those of [`Limits`].
pub(super) const LIMITS: [Limit; 18] = [
    ("sessions", 1, |limits| &mut limits.sessions),
    ("kept_for_servers", 0, |limits| &mut limits.kept_for_servers),
    ("player_sessions", 1, |limits| &mut limits.player_sessions),
    ("subject_sessions", 1, |limits| &mut limits.subject_sessions),
    ("unnamed", 0, |limits| &mut limits.unnamed),
    ("subscriptions", 1, |limits| &mut limits.subscriptions),
    ("bad_frames", 0, |limits| &mut limits.bad_frames),
    ("frames_per_s", 1, |limits| &mut limits.frames_per_s),
    ("server_frames_per_s", 1, |limits| &mut limits.server_frames_per_s),
    ("refused_per_s", 1, |limits| &mut limits.refused_per_s),
    ("server_refused_per_s", 1, |limits| &mut limits.server_refused_per_s),
    ("token_frames_per_s", 1, |limits| &mut limits.token_frames_per_s),
    ("server_token_frames_per_s", 1, |limits| &mut limits.server_token_frames_per_s),
    ("token_items_per_s", 1, |limits| &mut limits.token_items_per_s),
    ("server_token_items_per_s", 1, |limits| &mut limits.server_token_items_per_s),
    ("token_requests_per_s", 1, |limits| &mut limits.token_requests_per_s),
    ("server_token_requests_per_s", 1, |limits| &mut limits.server_token_requests_per_s),
    ("stranger_requests_per_s", 1, |limits| &mut limits.stranger_requests_per_s),
];

/// The limits with what was given in options.
pub(super) fn limits(given: &[String]) -> anyhow::Result<Limits> {
    let mut limits = Limits::default();
    for text in given {
        let Some((name, number)) = text.split_once('=') else {
            anyhow::bail!("--limit {text}: not NAME=NUMBER\nhint: for example token_items_per_s=1000");
        };
        let known = LIMITS.into_iter().map(|(name, least, of)| (name, (least, of)));
        let (least, of) = one_of("--limit", "limit", name, known)?;
        let number = number.parse::<u32>().ok().filter(|number| *number >= least);
        *of(&mut limits) = number.ok_or_else(|| {
            anyhow::anyhow!(
                "--limit {text}: not a whole number from {least} to {}\nhint: without a sign",
                u32::MAX
            )
        })?;
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(texts: &[&str]) -> anyhow::Result<Limits> {
        limits(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_given_is_set_and_what_is_no_limit_is_an_error() {
        let limits = given(&["token_items_per_s=7", "unnamed=0"]).expect("both are limits");
        assert_eq!((limits.token_items_per_s, limits.unnamed), (7, 0));
        assert_eq!(limits.sessions, Limits::default().sessions);
        for (wrong, says) in [
            ("token_items_per_s", "not NAME=NUMBER"),
            ("token_item_per_s=7", "did you mean `token_items_per_s`?"),
            ("token_items_per_s=0", "a whole number from 1"),
            ("sessions=-1", "a whole number from 1"),
        ] {
            let error = given(&[wrong]).expect_err(wrong).to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    /// `docs/security.md` lists every limit with its default.
    #[test]
    fn every_limit_is_documented_with_its_default() {
        let page = include_str!("../../../docs/security.md");
        for (name, _, of) in LIMITS {
            let line = format!("| `{name}` | {} |", of(&mut Limits::default()));
            assert!(page.contains(&line), "docs/security.md has no line {line}");
        }
    }
}

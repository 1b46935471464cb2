//! The page's markup: empty boxes, which the script fills.

use maud::{DOCTYPE, Markup, html};

pub(super) fn html() -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "worldflow" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/assets/live.css";
                script src="/assets/live.js" defer {}
            }
            body {
                header {
                    h1 { span #realm { "worldflow" } }
                    nav #realms aria-label="Realms" {}
                    p #connection .waiting role="status" { "connecting" }
                    p #tick {}
                }
                main {
                    (card("clock", "World clock", html! {
                        div .dial-and-date {
                            div #dial {}
                            div #date {}
                        }
                    }))
                    (card("engine", "Engine", html! { div #gauges {} }))
                    (card("sinks", "Sinks", html! { div #sink-list {} }))
                    (card("weather", "Weather", html! { div #zones {} }))
                    (card("quests", "Quests", html! { div #funnel {} }))
                    (card("npcs", "NPCs say", html! { ol #lines {} }))
                    (card("tiers", "Tiers", html! { p #answered .soft {} div #tier-list {} }))
                    (card("rejections", "Rejections", html! { div #rejected {} }))
                }
                noscript { p { "This page needs its script, which this server serves itself." } }
            }
        }
    }
}

fn card(id: &str, title: &str, body: Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-title" } {
            h2 id={ (id) "-title" } { (title) }
            (body)
        }
    }
}

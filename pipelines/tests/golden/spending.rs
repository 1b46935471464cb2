//! Tiers that are closed by a switch or by their money, tokens that are used up, and rates, in a whole graph.

use expect_test::expect;

use crate::script::Golden;

const WORLD: &str = "
name: golden
seed: 7
tick_ms: 10
kinds: {talk: {from: player}}
facts:
  models_on: {scope: realm, type: bool, default: true}
  gold_money: {scope: realm, type: dec, default: 0.003}
  plan: {scope: player, type: text, default: free}
tiers:
  gold:
    url: http://127.0.0.1:1
    model: tiny
    price: {input: 10, output: 20}
    money_per_day: {fact: gold_money}
    when: realm.models_on
spending:
  player_tier: plan
  players:
    default: {tokens_per_day: 500, rates: {normal: {most: 3, per: 100ms}}}
    premium: {}
  npc: {tokens_per_day: 2000}
";

#[test]
fn what_is_switched_off_used_up_or_asked_too_often_is_a_bark_that_says_so() {
    let golden = Golden::new(
        &[
            ("world.yaml", WORLD),
            ("entities.yaml", "smith: {kind: npc}\ncook: {kind: npc}\n"),
            (
                "npcs.yaml",
                "smith: {tier: gold, prompt: Hail, barks: Hm.}\ncook: {tier: gold, prompt: Hail, barks: Busy.}\n",
            ),
        ],
        r"
        2 event talk player=ada target=smith
        4 reply smith/ada/1 gold 100 50 Aye.
        6 event talk player=ada target=smith
        6 event talk player=bo target=cook
        8 fact realm golden models_on false
        10 event talk player=bo target=smith
        12 fact realm golden models_on true
        14 event talk player=ada target=smith
        15 event talk player=bo target=cook
        16 reply smith/ada/3 gold 100 50 Ho.
        18 event talk player=ada target=cook
        20 fact realm golden gold_money 1
        22 event talk player=ada target=cook
        23 event talk player=ada target=smith
        24 event talk player=ada target=smith
        25 event talk player=ada target=smith
        26 reply cook/ada/1 gold 200 0
        28 event talk player=ada target=cook
        30 fact player ada plan premium
        32 event talk player=ada target=cook
        34 wait
        ",
    );
    expect![[r#"
        1: +1 tier_states tier=gold open=true why= since=1
        2: +1 npc_requests request=smith/ada/1 npc=smith player=ada tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=2 deadline=202 budget_ms=2000 priority=normal digest=abfe8dd78ea5564bc13a61ba252dd806 prompt= revision=1baa5f25619bbe87 locale= parameters={"form":"line"}
        4: +1 npc_lines player=ada npc=smith line=1 text=Aye. provenance=model why= tier=gold tick=4 storylet= request=smith/ada/1 finish=stop prompt_tokens=100 tokens=50 first_ms=20 took_ms=70
        4: -1 npc_requests request=smith/ada/1 npc=smith player=ada tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=2 deadline=202 budget_ms=2000 priority=normal digest=abfe8dd78ea5564bc13a61ba252dd806 prompt= revision=1baa5f25619bbe87 locale= parameters={"form":"line"}
        4: +1 spending scope=npc holder=smith day=0 requests=1 answered=1 prompt_tokens=100 tokens=50 ms=70 money=0.002
        4: +1 spending scope=player holder=ada day=0 requests=1 answered=1 prompt_tokens=100 tokens=50 ms=70 money=0.002
        4: +1 spending scope=realm holder=golden day=0 requests=1 answered=1 prompt_tokens=100 tokens=50 ms=70 money=0.002
        4: +1 spending scope=tier holder=gold day=0 requests=1 answered=1 prompt_tokens=100 tokens=50 ms=70 money=0.002
        6: +1 npc_requests request=cook/bo/1 npc=cook player=bo tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=6 deadline=206 budget_ms=2000 priority=normal digest=145bfd072a6374897fa79fb72b9f6755 prompt= revision=b22eafe91fe046b2 locale= parameters={"form":"line"}
        6: +1 npc_requests request=smith/ada/2 npc=smith player=ada tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=6 deadline=206 budget_ms=2000 priority=normal digest=abfe8dd78ea5564bc13a61ba252dd806 prompt= revision=1baa5f25619bbe87 locale= parameters={"form":"line","last":["Aye."]}
        8: +1 npc_lines player=ada npc=smith line=2 text=Hm. provenance=authored why=tier_off tier= tick=8 storylet= request= finish= prompt_tokens= tokens= first_ms= took_ms=
        8: +1 npc_lines player=bo npc=cook line=1 text=Busy. provenance=authored why=tier_off tier= tick=8 storylet= request= finish= prompt_tokens= tokens= first_ms= took_ms=
        8: -1 npc_requests request=cook/bo/1 npc=cook player=bo tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=6 deadline=206 budget_ms=2000 priority=normal digest=145bfd072a6374897fa79fb72b9f6755 prompt= revision=b22eafe91fe046b2 locale= parameters={"form":"line"}
        8: -1 npc_requests request=smith/ada/2 npc=smith player=ada tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=6 deadline=206 budget_ms=2000 priority=normal digest=abfe8dd78ea5564bc13a61ba252dd806 prompt= revision=1baa5f25619bbe87 locale= parameters={"form":"line","last":["Aye."]}
        8: +1 tier_states tier=gold open=false why=tier_off since=8
        8: -1 tier_states tier=gold open=true why= since=1
        10: +1 npc_lines player=bo npc=smith line=1 text=Hm. provenance=authored why=tier_off tier= tick=10 storylet= request= finish= prompt_tokens= tokens= first_ms= took_ms=
        12: -1 tier_states tier=gold open=false why=tier_off since=8
        12: +1 tier_states tier=gold open=true why= since=12
        14: +1 npc_requests request=smith/ada/3 npc=smith player=ada tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=14 deadline=214 budget_ms=2000 priority=normal digest=abfe8dd78ea5564bc13a61ba252dd806 prompt= revision=1baa5f25619bbe87 locale= parameters={"form":"line","last":["Aye."]}
        15: +1 npc_requests request=cook/bo/2 npc=cook player=bo tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=15 deadline=215 budget_ms=2000 priority=normal digest=145bfd072a6374897fa79fb72b9f6755 prompt= revision=b22eafe91fe046b2 locale= parameters={"form":"line"}
        16: +1 npc_lines player=ada npc=smith line=3 text=Ho. provenance=model why= tier=gold tick=16 storylet= request=smith/ada/3 finish=stop prompt_tokens=100 tokens=50 first_ms=20 took_ms=70
        16: +1 npc_lines player=bo npc=cook line=2 text=Busy. provenance=authored why=over_budget tier= tick=16 storylet= request= finish= prompt_tokens= tokens= first_ms= took_ms=
        16: -1 npc_requests request=cook/bo/2 npc=cook player=bo tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=15 deadline=215 budget_ms=2000 priority=normal digest=145bfd072a6374897fa79fb72b9f6755 prompt= revision=b22eafe91fe046b2 locale= parameters={"form":"line"}
        16: -1 npc_requests request=smith/ada/3 npc=smith player=ada tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=14 deadline=214 budget_ms=2000 priority=normal digest=abfe8dd78ea5564bc13a61ba252dd806 prompt= revision=1baa5f25619bbe87 locale= parameters={"form":"line","last":["Aye."]}
        16: -1 spending scope=npc holder=smith day=0 requests=1 answered=1 prompt_tokens=100 tokens=50 ms=70 money=0.002
        16: +1 spending scope=npc holder=smith day=0 requests=2 answered=2 prompt_tokens=200 tokens=100 ms=140 money=0.004
        16: -1 spending scope=player holder=ada day=0 requests=1 answered=1 prompt_tokens=100 tokens=50 ms=70 money=0.002
        16: +1 spending scope=player holder=ada day=0 requests=2 answered=2 prompt_tokens=200 tokens=100 ms=140 money=0.004
        16: -1 spending scope=realm holder=golden day=0 requests=1 answered=1 prompt_tokens=100 tokens=50 ms=70 money=0.002
        16: +1 spending scope=realm holder=golden day=0 requests=2 answered=2 prompt_tokens=200 tokens=100 ms=140 money=0.004
        16: -1 spending scope=tier holder=gold day=0 requests=1 answered=1 prompt_tokens=100 tokens=50 ms=70 money=0.002
        16: +1 spending scope=tier holder=gold day=0 requests=2 answered=2 prompt_tokens=200 tokens=100 ms=140 money=0.004
        16: +1 tier_states tier=gold open=false why=over_budget since=16
        16: -1 tier_states tier=gold open=true why= since=12
        18: +1 npc_lines player=ada npc=cook line=1 text=Busy. provenance=authored why=over_budget tier= tick=18 storylet= request= finish= prompt_tokens= tokens= first_ms= took_ms=
        20: -1 tier_states tier=gold open=false why=over_budget since=16
        20: +1 tier_states tier=gold open=true why= since=20
        22: +1 npc_requests request=cook/ada/1 npc=cook player=ada tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=22 deadline=222 budget_ms=2000 priority=normal digest=145bfd072a6374897fa79fb72b9f6755 prompt= revision=b22eafe91fe046b2 locale= parameters={"form":"line"}
        23: +1 npc_requests request=smith/ada/4 npc=smith player=ada tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=23 deadline=223 budget_ms=2000 priority=normal digest=abfe8dd78ea5564bc13a61ba252dd806 prompt= revision=1baa5f25619bbe87 locale= parameters={"form":"line","last":["Aye.","Ho."]}
        24: -1 npc_requests request=smith/ada/4 npc=smith player=ada tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=23 deadline=223 budget_ms=2000 priority=normal digest=abfe8dd78ea5564bc13a61ba252dd806 prompt= revision=1baa5f25619bbe87 locale= parameters={"form":"line","last":["Aye.","Ho."]}
        24: +1 npc_requests request=smith/ada/5 npc=smith player=ada tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=24 deadline=224 budget_ms=2000 priority=normal digest=abfe8dd78ea5564bc13a61ba252dd806 prompt= revision=1baa5f25619bbe87 locale= parameters={"form":"line","last":["Aye.","Ho."]}
        25: +1 npc_lines player=ada npc=smith line=4 text=Hm. provenance=authored why=rate_limited tier= tick=25 storylet= request= finish= prompt_tokens= tokens= first_ms= took_ms=
        25: -1 npc_requests request=smith/ada/5 npc=smith player=ada tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=24 deadline=224 budget_ms=2000 priority=normal digest=abfe8dd78ea5564bc13a61ba252dd806 prompt= revision=1baa5f25619bbe87 locale= parameters={"form":"line","last":["Aye.","Ho."]}
        26: +1 npc_lines player=ada npc=cook line=2 text=Busy. provenance=authored why=failed tier= tick=26 storylet= request=cook/ada/1 finish=stop prompt_tokens=200 tokens=0 first_ms=20 took_ms=70
        26: -1 npc_requests request=cook/ada/1 npc=cook player=ada tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=22 deadline=222 budget_ms=2000 priority=normal digest=145bfd072a6374897fa79fb72b9f6755 prompt= revision=b22eafe91fe046b2 locale= parameters={"form":"line"}
        26: +1 spending scope=npc holder=cook day=0 requests=1 answered=0 prompt_tokens=200 tokens=0 ms=70 money=0.002
        26: -1 spending scope=player holder=ada day=0 requests=2 answered=2 prompt_tokens=200 tokens=100 ms=140 money=0.004
        26: +1 spending scope=player holder=ada day=0 requests=3 answered=2 prompt_tokens=400 tokens=100 ms=210 money=0.006
        26: -1 spending scope=realm holder=golden day=0 requests=2 answered=2 prompt_tokens=200 tokens=100 ms=140 money=0.004
        26: +1 spending scope=realm holder=golden day=0 requests=3 answered=2 prompt_tokens=400 tokens=100 ms=210 money=0.006
        26: -1 spending scope=tier holder=gold day=0 requests=2 answered=2 prompt_tokens=200 tokens=100 ms=140 money=0.004
        26: +1 spending scope=tier holder=gold day=0 requests=3 answered=2 prompt_tokens=400 tokens=100 ms=210 money=0.006
        28: +1 npc_lines player=ada npc=cook line=3 text=Busy. provenance=authored why=over_budget tier= tick=28 storylet= request= finish= prompt_tokens= tokens= first_ms= took_ms=
        32: +1 npc_requests request=cook/ada/2 npc=cook player=ada tier=gold messages=[{"content":"Hail","role":"user","section":"prompt"}] max_tokens=64 asked=32 deadline=232 budget_ms=2000 priority=normal digest=145bfd072a6374897fa79fb72b9f6755 prompt= revision=b22eafe91fe046b2 locale= parameters={"form":"line"}
    "#]].assert_eq(&golden.changes(&["npc_requests", "npc_lines", "tier_states", "spending"]));
    golden.check_laws();
}

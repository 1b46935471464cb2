// Draws what `/live` sends. Text from players and models is set as text, never as markup.
"use strict";

const NS = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}
const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => fill(document.createElementNS(NS, tag), attributes, children);
const wide = (node, percent) => { node.style.width = percent + "%"; return node; };
const words = (id) => String(id ?? "").replaceAll("_", " ");
const round = (x, digits) => x === null || x === undefined ? "–" : Number(x).toFixed(digits ?? 0);
const count = (x) => x === null || x === undefined ? "–" : Math.round(x).toLocaleString("en");

function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

// ---- Weather icons: a few shapes in many combinations.
const sun = (x, y, r) => s("g", { stroke: "var(--sun)", "stroke-width": 2, "stroke-linecap": "round" },
  s("circle", { cx: x, cy: y, r, fill: "var(--sun)" }),
  [0, 45, 90, 135, 180, 225, 270, 315].map((a) => s("line", { x1: x, y1: y - r - 2.5, x2: x, y2: y - r - 5, transform: `rotate(${a} ${x} ${y})` })));
const cloud = (dy) => s("path", { fill: "var(--cloud)", transform: `translate(0 ${dy || 0})`,
  d: "M9 25a6 6 0 0 1 .6-12A8.2 8.2 0 0 1 25.200 11.500 6.800 6.800 0 0 1 24.500 25z" });
const stroke = (d, color, width) => s("path", { d, stroke: color, "stroke-width": width || 2, fill: "none", "stroke-linecap": "round", "stroke-linejoin": "round" });
const drops = (xs) => xs.map((x) => stroke(`M${x} 25.500l-1.600 5`, "var(--rain)", 2.2));
const flakes = (xs) => xs.map((x) => s("circle", { cx: x, cy: 28, r: 1.7, fill: "var(--rain)" }));
const bolt = () => s("path", { d: "M17.500 20l-4.500 7h3.600l-1.600 6 6-8h-3.600l2.300-5z", fill: "var(--sun)" });
const lines = (ys) => ys.map((y, i) => stroke(`M${6 + i * 2} ${y}h${20 - i * 2}`, "var(--cloud)", 2.4));
const wind = () => [stroke("M5 13h15a3.500 3.500 0 1 0-3.500-3.500", "var(--cloud)", 2.400), stroke("M5 19h21a3.500 3.500 0 1 1-3.500 3.500", "var(--cloud)", 2.400), stroke("M5 25h9", "var(--cloud)", 2.400)];
const thermometer = (color) => [s("rect", { x: 13, y: 4, width: 7, height: 18, rx: 3.500, fill: "none", stroke: color, "stroke-width": 2 }), s("circle", { cx: 16.500, cy: 26, r: 5, fill: color }), stroke("M16.500 24V11", color, 3)];
const SHAPES = [
  ["blizzard", () => [cloud(-5), wind().slice(2), flakes([10, 17, 24])]],
  ["heavy_snow", () => [cloud(-3), flakes([8, 14, 20, 26])]],
  ["snow", () => [cloud(-3), flakes([11, 17, 23])]],
  ["storm", () => [cloud(-4), bolt(), drops([9, 25])]],
  ["thunder", () => [cloud(-4), bolt()]],
  ["heavy_rain", () => [cloud(-3), drops([8, 13.500, 19, 24.500])]],
  ["rain", () => [cloud(-3), drops([11, 17, 23])]],
  ["drizzle", () => [cloud(-3), drops([14, 20])]],
  ["fog", () => lines([9, 15, 21, 27])],
  ["mist", () => lines([12, 18, 24])],
  ["wind", () => wind()],
  ["heat", () => [thermometer("var(--bad)"), sun(26, 8, 3)]],
  ["cold", () => thermometer("var(--rain)")],
  ["partly", () => [sun(22, 10, 5), cloud(3)]],
  ["cloud", () => [cloud(1)]],
  ["overcast", () => [cloud(1)]],
  ["clear", () => [sun(17, 17, 6.500)]],
  ["sun", () => [sun(17, 17, 6.500)]],
];
function icon(state) {
  const known = SHAPES.find(([name]) => String(state).includes(name));
  const shapes = known ? known[1]() : [s("circle", { cx: 17, cy: 17, r: 10, fill: "none", stroke: "var(--soft)", "stroke-width": 2 })];
  return s("svg", { viewBox: "0 0 34 34", role: "img", "aria-label": words(state) }, s("title", {}, words(state)), shapes.flat(2));
}

// ---- World clock
const DAY = 86400000;
let latest = null;
let receivedAt = 0;

// World milliseconds now: exact at the tick that was sent, and carried on until the next one comes.
function worldMs(clock) {
  if (clock.paused) return clock.world_ms;
  const ahead = Math.min(1000, performance.now() - receivedAt);
  const real = (latest.tick - clock.since) * latest.tick_ms + ahead;
  return clock.world_ms + real * clock.scale_world / clock.scale_real;
}
const minutes = (text) => { const [hour, minute] = text.split(":").map(Number); return hour * 60 + (minute || 0); };
// Midnight is at the bottom, noon at the top.
const at = (minute, r) => { const a = (minute / 1440) * 2 * Math.PI + Math.PI / 2; return [100 + r * Math.cos(a), 100 + r * Math.sin(a)]; };
function arc(from, to, r) {
  const length = (to - from + 1440) % 1440 || 1440;
  const [x1, y1] = at(from, r), [x2, y2] = at(from + length - 0.01, r);
  return `M${x1} ${y1}A${r} ${r} 0 ${length > 720 ? 1 : 0} 1 ${x2} ${y2}`;
}
const TINTS = { dawn: "#e8927c", day: "#f2c14e", dusk: "#c8698f", night: "#3f5a94" };
const OTHER_TINTS = ["#7ba7a0", "#a58bc4", "#c2a36b", "#6f9bc8"];
const tint = (name, place) => TINTS[name] || OTHER_TINTS[place % OTHER_TINTS.length];

function drawDial(clock) {
  const phases = clock.phases.map((phase) => ({ ...phase, start: minutes(phase.from) }));
  const arcs = phases.map((phase, place) => {
    const end = phases[(place + 1) % phases.length].start;
    return s("path", { d: arc(phase.start + 4, end - 4, 84), stroke: tint(phase.name, place), "stroke-width": 11, fill: "none",
      opacity: phase.name === clock.phase ? 1 : 0.38 }, s("title", {}, `${words(phase.name)} from ${phase.from}`));
  });
  const hours = [0, 6, 12, 18].map((hour) => { const [x, y] = at(hour * 60, 66); return s("text", { x, y, class: "dial-hour" }, String(hour)); });
  const hand = s("g", { id: "hand" }, s("circle", { r: 10, fill: "var(--card)" }), s("circle", { r: 7, fill: "var(--ink)" }));
  byId("dial").replaceChildren(s("svg", { viewBox: "0 0 200 200", role: "img", "aria-label": "World time of day" },
    arcs, hours, hand, s("text", { id: "time", x: 100, y: 104, class: "dial-time" }), s("text", { id: "dial-note", x: 100, y: 123, class: "dial-note" })));
}

function moon(m) {
  const part = m.of > 0 && m.place !== null ? m.place / m.of : 0;
  const lit = (1 - Math.cos(part * 2 * Math.PI)) / 2;
  const bulge = 12 * Math.cos(part * 2 * Math.PI);
  // The lit half, and the ellipse that ends it; waning is waxing in a mirror.
  const d = `M15 3A12 12 0 0 1 15 27A${Math.abs(bulge)} 12 0 0 ${bulge > 0 ? 0 : 1} 15 3`;
  return h("div", { class: "moon" },
    s("svg", { viewBox: "0 0 30 30", "aria-hidden": "true" },
      s("circle", { cx: 15, cy: 15, r: 12, fill: "var(--hidden)" }),
      s("path", { d, fill: "var(--sun)", transform: part > 0.5 ? "matrix(-1 0 0 1 30 0)" : null }),
      s("circle", { cx: 15, cy: 15, r: 12, fill: "none", stroke: "var(--soft)" })),
    h("div", { title: `${Math.round(lit * 100)} % lit` }, h("b", {}, words(m.name)), words(m.phase)));
}

function drawClock(clock) {
  if (!clock) { byId("date").replaceChildren(h("p", { class: "empty" }, "no clock yet")); return; }
  drawDial(clock);
  const real = 3600000 * clock.scale_real / clock.scale_world;
  byId("date").replaceChildren(
    h("p", { class: "phase" }, words(clock.phase)),
    h("p", {}, `${words(clock.weekday)}, ${clock.day_of_month} ${words(clock.month)}, year ${clock.year}`),
    h("p", { class: "soft" }, `${words(clock.season)} · day ${clock.day}`),
    h("p", { class: "soft" }, clock.paused ? "time is paused" : `an hour takes ${span(real)}`),
    h("div", { class: "moons" }, clock.moons.map(moon)));
}

function moveHand() {
  const clock = latest && latest.clock;
  if (!clock || !byId("hand")) return;
  const minute = (((worldMs(clock) % DAY) + DAY) % DAY) / 60000;
  const [x, y] = at(minute, 84);
  byId("hand").setAttribute("transform", `translate(${x} ${y})`);
  const two = (n) => String(Math.floor(n)).padStart(2, "0");
  byId("time").textContent = `${two(minute / 60)}:${two(minute % 60)}`;
  byId("dial-note").textContent = clock.paused ? "paused" : words(clock.phase);
}

// ---- Sections
function drawZones(zones) {
  const zone = (z) => h("article", { class: z.severe ? "zone severe" : "zone" },
    h("div", { class: "zone-head" }, icon(z.state),
      h("div", {}, h("h3", { title: z.zone }, words(z.zone)), h("p", { class: "state" }, words(z.state), z.severe ? h("span", {}, " ", h("span", { class: "badge bad" }, "severe")) : null)),
      h("div", { class: "degrees" }, `${round(z.temperature_c)}°`)),
    h("p", { class: "facts" },
      h("span", {}, "wind ", h("b", {}, `${round(z.wind_kmh)} km/h`)),
      h("span", {}, "humidity ", h("b", {}, `${round(z.humidity * 100)} %`)),
      z.snow_cm > 0 ? h("span", {}, "snow ", h("b", {}, `${round(z.snow_cm)} cm`)) : null,
      h("span", {}, "changes in ", h("b", { class: "changes", "data-tick": z.next_change }, "–"))),
    z.forecast.length ? h("div", { class: "forecast" }, z.forecast.slice(0, 8).map((hour) =>
      h("div", { class: "hour", title: `in ${hour.hours} h: ${words(hour.state)}, ${hour.percent} %` },
        icon(hour.state), h("div", { class: "sure" }, wide(h("i", {}), hour.percent)), `${hour.hours} h`))) : null);
  byId("zones").replaceChildren(...(zones.length ? zones.map(zone) : [h("p", { class: "empty" }, "no zones in this world")]));
  spread();
}
// As many columns as fit, but rows of equal length: six zones are never five and one.
function spread() {
  const grid = byId("zones");
  const zones = grid.children.length;
  const rows = Math.ceil(zones / Math.max(1, Math.floor((grid.clientWidth + 12) / 217)));
  grid.style.gridTemplateColumns = `repeat(${Math.ceil(zones / rows)}, minmax(0, 1fr))`;
}
function countDown(data) {
  for (const node of document.querySelectorAll(".changes")) {
    const tick = node.dataset.tick;
    node.textContent = tick === undefined || data.clock?.paused ? "–" : span((Number(tick) - data.tick) * data.tick_ms);
  }
}

const STATES = ["hidden", "available", "active", "ready", "done", "failed"];
function drawQuests(quests) {
  if (!quests.length) { byId("funnel").replaceChildren(h("p", { class: "empty" }, "nobody has accepted a quest yet")); return; }
  const merged = quests.map((q) => ({ ...q, failed: (q.failed || 0) + (q.expired || 0) + (q.abandoned || 0) }));
  const total = (q) => STATES.reduce((sum, state) => sum + (q[state] || 0), 0);
  const most = Math.max(...merged.map(total), 1);
  merged.sort((a, b) => total(b) - total(a) || (a.quest < b.quest ? -1 : 1));
  const part = (q, state) => {
    const n = q[state] || 0;
    const share = n / most * 100;
    return n > 0 ? wide(h("i", { class: state, title: `${state}: ${count(n)}` }, share > 7 ? count(n) : ""), share) : null;
  };
  const quest = (q) => h("div", { class: "quest" }, h("span", { class: "name", title: q.quest }, words(q.quest)),
    h("span", { class: "bar" }, STATES.map((state) => part(q, state))),
    h("span", { class: "number soft", title: "times completed" }, q.completions ? `${count(q.completions)} ✓` : ""));
  byId("funnel").replaceChildren(h("p", { class: "legend" }, STATES.map((state) => h("span", {}, h("i", { class: state }), state === "failed" ? "failed, expired or abandoned" : state))), ...merged.map(quest));
}

function sparkline(samples) {
  const values = samples.map((x) => x ?? 0);
  const most = Math.max(...values, 1e-9);
  const points = values.map((x, i) => `${(120 - values.length + i) / 119 * 300},${42 - x / most * 38}`);
  if (points.length < 2) return s("svg", { viewBox: "0 0 300 46", preserveAspectRatio: "none" });
  const first = points[0].split(",")[0];
  return s("svg", { viewBox: "0 0 300 46", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("polygon", { points: `${first},46 ${points.join(" ")} 300,46`, fill: "var(--accent)", opacity: 0.14 }),
    s("polyline", { points: points.join(" "), fill: "none", stroke: "var(--accent)", "stroke-width": 1.6, "vector-effect": "non-scaling-stroke" }));
}
function drawEngine(data) {
  const gauge = (title, spark, text) => h("div", { class: "gauge" }, h("span", { class: "soft" }, title), h("b", {}, text(spark.now)), sparkline(spark.samples));
  const tally = (title, n) => h("div", { class: "tally" }, h("b", {}, count(n)), title);
  byId("gauges").replaceChildren(
    gauge("events a second", data.sparks.inputs_per_s, count),
    gauge("tick latency, p99", data.sparks.tick_latency_p99_ms, (x) => `${round(x, 1)} ms`),
    h("div", { class: "tallies" }, tally("players", data.players), tally("sessions", data.sessions),
      tally("grants due", data.grants.pending), tally("delivered", data.grants.delivered), tally("refused", data.grants.refused)));
}

function drawSinks(sinks) {
  const sink = (k) => h("div", { class: "sink" }, h("div", { class: "sink-head" }, h("b", {}, k.sink),
    k.error ? h("span", { class: "badge bad" }, "behind") : h("span", { class: k.lag_ms > 5000 ? "badge warn" : "badge good" }, k.tick === null ? "starting" : k.lag_ms < 2000 ? "up to date" : `${span(k.lag_ms)} behind`)),
    h("small", {}, k.target), k.error ? h("small", { class: "error" }, k.error) : null, k.error ? h("small", {}, k.hint) : null);
  byId("sink-list").replaceChildren(...(sinks.length ? sinks.map(sink) : [h("p", { class: "empty" }, "no SQL sinks")]));
}

function ago(ms) { return ms < 2000 ? "now" : `${span(ms)} ago`; }
// Where a line is from: a model, what somebody has written for the moment, or a bark in place of an answer, and why.
const WHY = { no_tier: "no tier has a server", no_time: "no tier could answer in time", late: "the answer was late", failed: "the tier failed, or its answer was not let through",
  tier_off: "no tier that could answer may be asked", over_budget: "tokens or money of the day are used up", rate_limited: "the player has asked too often" };
function from(l) {
  if (l.provenance === "model") return h("span", { class: "badge good", title: "a model said this" }, l.tier ? `model · ${words(l.tier)}` : "model");
  const why = l.why ? ` · ${words(l.why)}` : "";
  if (l.storylet) return h("span", { class: "badge info", title: l.why ? WHY[l.why] : "written for this moment" }, `storylet · ${words(l.storylet)}${why}`);
  return h("span", { class: "badge warn", title: WHY[l.why] || "written for this NPC" }, `bark${why}`);
}
function drawLines(said, tick, tickMs) {
  const line = (l) => h("li", {}, h("p", { class: "who" }, h("b", {}, words(l.npc)), h("span", {}, `to ${l.player}`), from(l),
    h("span", { class: "when" }, ago((tick - l.tick) * tickMs))), h("p", {}, l.text));
  byId("lines").replaceChildren(...(said.length ? said.map(line) : [h("li", { class: "empty" }, "nobody has spoken yet")]));
}

// ---- Tiers: a column is shown when the view has it.
const BREAKERS = { closed: ["good", "up"], half_open: ["warn", "trying again"], open: ["bad", "down"] };
const CLOSED = { tier_off: ["switched off", "its `when` does not hold: it is asked nothing"], over_budget: ["money used up", "its money of the day is used up: it is asked nothing"] };
const money = (x) => x === null || x === undefined ? "–" : Number(x).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: Number(x) < 1 ? 4 : 2 });
const TIER_COLUMNS = [
  ["queue", "queue", "requests that wait"],
  ["in_flight", "in flight", "requests under way, of so many places"],
  ["first_token_p50_ms", "first text", "milliseconds until the first text: half of the latest took at most this, 95 in 100 at most the second", (t) => t.first_token_p50_ms === undefined || t.first_token_p50_ms === null ? "–" : `${count(t.first_token_p50_ms)} · ${count(t.first_token_p95_ms)} ms`],
  ["answered", "answered", "good answers"],
  ["shared", "shared", "requests that had the answer of another"],
  ["cancelled", "cancelled", "requests whose reason had gone"],
  ["fallback", "to fallback", "requests that went on to another tier"],
  ["shed", "shed", "requests that were not sent, since their time was over or too short"],
  ["pushed_back", "no room", "requests that a server had no room for, and that waited again"],
  ["failed", "failed", "requests that failed"],
  ["tokens", "tokens", "tokens of answers"],
];
function load(t) {
  const most = Math.max(1, t.in_flight_limit || 0, t.in_flight || 0);
  return h("span", { class: "load" }, h("span", { class: "track" }, wide(h("i", {}), (t.in_flight || 0) / most * 100)), `${count(t.in_flight)} of ${count(t.in_flight_limit)}`);
}
function drawTiers(tiers) {
  if (!tiers.length) { byId("tier-list").replaceChildren(h("p", { class: "empty" }, "no tier has a server: NPCs say what is written for them")); return; }
  const known = (name) => tiers.some((t) => name in t);
  const costs = [...new Set(tiers.flatMap((t) => Object.keys(t)))].filter((name) => name.startsWith("cost"));
  const columns = TIER_COLUMNS.filter(([name]) => known(name)).concat(costs.map((name) => [name, words(name), "in the currency of the prices", (t) => money(t[name])]));
  const cell = (t) => ([name, title, , text]) => h("td", { class: "n", "data-name": title }, name === "in_flight" ? load(t) : text ? text(t) : count(t[name]));
  const row = (t) => {
    const closed = CLOSED[t.closed];
    const [kind, state, why] = closed ? ["warn", ...closed] : BREAKERS[t.breaker] || ["warn", words(t.breaker)];
    const about = [t.class !== t.tier ? words(t.class) : null, t.replicas > 1 ? `${t.replicas} servers` : null].filter(Boolean).join(", ");
    return h("tr", {}, h("td", { class: "name" }, h("b", {}, words(t.tier)), " ", h("span", { class: `badge ${kind}`, title: why || state }, state), about ? h("span", { class: "soft" }, ` ${about}`) : null), columns.map(cell(t)));
  };
  byId("tier-list").replaceChildren(h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "tier"), columns.map(([, title, doc]) => h("th", { class: "n", title: doc }, title)))), h("tbody", {}, tiers.map(row))));
}

// Who players heard first when they spoke to somebody, and how soon.
const SAID_BY = { model: "by a model", storylet: "by what is written for it", bark: "by a bark instead" };
function drawAnswered(answered) {
  const by = answered ? answered.by : {};
  const sum = Object.values(by).reduce((a, b) => a + b, 0);
  const shares = Object.keys(SAID_BY).filter((who) => by[who]).map((who) => `${Math.round(by[who] / sum * 100)} % ${SAID_BY[who]}`);
  const ms = answered && answered.ms ? `; first sentence of the last minute: half within ${count(answered.ms.p50)} ms, 95 in 100 within ${count(answered.ms.p95)} ms, 99 within ${count(answered.ms.p99)} ms` : "";
  byId("answered").textContent = sum ? `${count(sum)} answered: ${shares.join(", ")}${ms}` : "";
}

function drawRejections(rejections, now) {
  if (!rejections.length) { byId("rejected").replaceChildren(h("p", { class: "empty" }, "nothing has been refused")); return; }
  const row = (r) => h("tr", {}, h("td", { class: "code" }, ago(now - r.at)), h("td", {}, r.source), h("td", { class: "code" }, h("code", {}, r.code)),
    h("td", { class: "why" }, r.reason, r.hint ? h("span", { class: "soft" }, " – ", r.hint) : null));
  byId("rejected").replaceChildren(h("table", {}, h("thead", {}, h("tr", {}, ["when", "source", "code", "why"].map((name) => h("th", {}, name)))), h("tbody", {}, rejections.map(row))));
}

// ---- What has not changed is not drawn again.
const drawn = new Map();
function changed(name, ...parts) {
  const text = JSON.stringify(parts);
  if (drawn.get(name) === text) return false;
  drawn.set(name, text);
  return true;
}

function draw(data) {
  latest = data;
  receivedAt = performance.now();
  const second = Math.floor(data.utc_ms / 1000);
  if (changed("realm", data.realm, data.realms)) {
    document.title = `${data.realm} · worldflow`;
    byId("realm").textContent = data.realm;
    byId("realms").replaceChildren(...(data.realms.length > 1 ? data.realms.map((name) => {
      const query = new URLSearchParams(location.search);
      query.set("realm", name);
      return h("a", { href: `/?${query}` }, name);
    }) : []));
  }
  byId("tick").textContent = `tick ${count(data.tick)}`;
  if (changed("clock", data.clock)) drawClock(data.clock);
  if (changed("zones", data.zones)) drawZones(data.zones);
  if (changed("countdown", second)) countDown(data);
  if (changed("quests", data.quests)) drawQuests(data.quests);
  if (changed("engine", data.sparks, data.players, data.sessions, data.grants)) drawEngine(data);
  if (changed("sinks", data.sinks.map((k) => [k.sink, k.error, k.target, k.tick === null, Math.round(k.lag_ms / 1000)]))) drawSinks(data.sinks);
  if (changed("lines", data.lines, second)) drawLines(data.lines, data.tick, data.tick_ms);
  if (changed("tiers", data.tiers)) drawTiers(data.tiers);
  if (changed("answered", data.answered)) drawAnswered(data.answered);
  if (changed("rejections", data.rejections, second)) drawRejections(data.rejections, data.utc_ms);
  moveHand();
}

function connect() {
  const state = (name, text) => { const node = byId("connection"); node.className = name; node.textContent = text; };
  const stream = new EventSource(`/live${location.search}`);
  stream.onopen = () => state("live", "live");
  stream.onmessage = (message) => draw(JSON.parse(message.data));
  stream.onerror = () => {
    state("lost", "connection lost, trying again");
    // A server that refuses ends the stream for good; the browser tries again by itself otherwise.
    if (stream.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
  };
}
connect();
addEventListener("resize", spread);
setInterval(moveHand, 100);

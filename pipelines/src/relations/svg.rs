//! The relations of a world as a picture: what hangs together is laid out in layers, what stands alone below it.

use std::fmt::Write as _;

use super::layout::{Layout, Point, layout, least_height};
use super::{Edge, Kind, Leads, Node, Relations};
use crate::xml::escaped;

/// The widest that a card becomes, in letters of its text.
const MOST_LETTERS: usize = 44;
/// The width that parts are put beside each other in.
const ROW_WIDTH: f64 = 1_500.0;
const MARGIN: f64 = 36.0;
const BETWEEN_PARTS: f64 = 46.0;
/// The title, and the lines of the legend, which are so far apart and at least so wide.
const TITLE: f64 = 38.0;
const LEGEND_LINE: f64 = 24.0;
const LEGEND_WIDTH: f64 = 900.0;
/// The most files that the legend names, and the most letters that are shown of a label.
const MOST_FILES: usize = 64;
const MOST_OF_LABEL: usize = 34;

/// The colours of files; the next ones begin again.
const FILES: [&str; 8] =
    ["#3f7d58", "#4a74b8", "#b8503a", "#8a5fb0", "#b58a1f", "#2f8f9d", "#a8487f", "#6f7b4a"];

const STYLE: &str = "\
svg{background:#fbfcfd}text{font-family:system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1d2733}\
.h{font-size:20px;font-weight:600}.id{font-size:13px;font-weight:600}.t{font-size:11.5px;fill:#3e4c59}\
.l{font-size:10.5px;fill:#7b8794}.k{font-size:11.5px;fill:#52606d}\
.e,.eh{font-size:10px;fill:#52606d;text-anchor:end}.eh{fill:none;stroke:#fbfcfd;stroke-width:4px;stroke-linejoin:round}\
.quest rect.c{fill:#fff;stroke:#c3ced9}.rule rect.c{fill:#fff7e6;stroke:#d9b36a}.fact rect.c{fill:#eaf5ee;stroke:#a9cfb6}\
.view rect.c{fill:#eaf1fc;stroke:#a9c1e6;stroke-dasharray:4 3}.choice rect.c{fill:#f0f2f5;stroke:#9aa5b1}.npc rect.c{fill:#fdf0ed;stroke:#dba497}\
.arc rect.c{fill:#e4f4f6;stroke:#2f8f9d;stroke-width:1.6}.beat rect.c{fill:#f3fbfc;stroke:#9fd0d6}.leads-on{stroke:#2f8f9d;stroke-width:1.9}\
path.w{fill:none;stroke-width:1.4;stroke-opacity:.85}.requires{stroke:#3f7d58;stroke-width:1.9}.gates{stroke:#3f7d58;stroke-dasharray:6 4}\
.changes{stroke:#b58a1f}.triggers{stroke:#4a74b8}.emits{stroke:#8a5fb0}.offers{stroke:#9aa5b1;stroke-dasharray:2 4}.turns-in{stroke:#b8503a}\
@media (prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#e6edf3}.t{fill:#c3ced9}.l,.k{fill:#8b98a5}.e{fill:#9fb0c0}.eh{stroke:#0d1117}\
.quest rect.c{fill:#161b22;stroke:#3a444f}.rule rect.c{fill:#241c0c;stroke:#7a6030}.fact rect.c{fill:#14211a;stroke:#2f5740}\
.view rect.c{fill:#101c33;stroke:#37537f}.choice rect.c{fill:#1c2128;stroke:#56606b}.npc rect.c{fill:#2a1713;stroke:#7a4135}\
.arc rect.c{fill:#0f2a2e;stroke:#3f9aa6}.beat rect.c{fill:#12212a;stroke:#2d6a73}}";

/// The picture.
#[must_use]
pub fn svg(of: &Relations) -> String {
    let cards: Vec<Card> = cards(of);
    let parts = parts(of);
    let drawn: Vec<(Layout, &Part)> = parts.iter().map(|part| (part.layout(of, &cards), part)).collect();
    let limit = drawn.iter().map(|(layout, _)| layout.size.0).fold(ROW_WIDTH, f64::max);
    let (mut x, mut y, mut row, mut widest) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
    let mut corners = Vec::with_capacity(drawn.len());
    for (layout, _) in &drawn {
        if x > 0.0 && x + layout.size.0 > limit {
            (x, y, row) = (0.0, y + row + BETWEEN_PARTS, 0.0);
        }
        corners.push((x, y));
        x += layout.size.0 + BETWEEN_PARTS;
        row = row.max(layout.size.1);
        widest = widest.max(x - BETWEEN_PARTS);
    }
    let width = widest.max(LEGEND_WIDTH) + 2.0 * MARGIN;
    let legend = Legend::of(of, width - MARGIN);
    let head = TITLE + legend.height() + 30.0;
    let mut body = String::new();
    for ((layout, part), (x, y)) in drawn.iter().zip(corners) {
        part.draw(&mut body, of, &cards, layout, (MARGIN + x, head + y));
    }
    let height = head + y + row + MARGIN;
    let title = format!("{}: what leads to what", of.world);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{0}\">\n<style>{STYLE}</style>\n<defs>\n",
        escaped(&title)
    );
    for (leads, colour) in [
        (Leads::Requires, "#3f7d58"),
        (Leads::Gates, "#3f7d58"),
        (Leads::Changes, "#b58a1f"),
        (Leads::Triggers, "#4a74b8"),
        (Leads::Emits, "#8a5fb0"),
        (Leads::Offers, "#9aa5b1"),
        (Leads::TurnsIn, "#b8503a"),
        (Leads::LeadsOn, "#2f8f9d"),
    ] {
        let _infallible = writeln!(
            text,
            "<marker id=\"{}\" viewBox=\"0 0 8 8\" refX=\"7.4\" refY=\"4\" markerUnits=\"userSpaceOnUse\" \
             markerWidth=\"9\" markerHeight=\"9\" orient=\"auto\"><path d=\"M0 .6 L8 4 L0 7.4z\" fill=\"{colour}\"/></marker>",
            leads.name()
        );
    }
    let _infallible = writeln!(
        text,
        "</defs>\n<text class=\"h\" x=\"{MARGIN}\" y=\"{TITLE}\">{}</text>\n{}{body}</svg>",
        escaped(&title),
        legend.text
    );
    text
}

/// What a node looks like.
struct Card {
    lines: Vec<(&'static str, String)>,
    size: Point,
}

fn cards(of: &Relations) -> Vec<Card> {
    let mut edges = vec![(0_usize, 0_usize); of.nodes.len()];
    for edge in &of.edges {
        edges[edge.from].1 += 1;
        edges[edge.to].0 += 1;
    }
    of.nodes.iter().zip(edges).map(|(node, (entering, leaving))| card(node, entering.max(leaving))).collect()
}

fn card(node: &Node, edges: usize) -> Card {
    let mut lines: Vec<(&'static str, String)> = Vec::new();
    let id = match node.kind {
        Kind::Choice => format!("one of {}", node.id),
        _ => node.id.clone(),
    };
    lines.push(("id", id));
    lines.extend(wrapped(&node.title).into_iter().map(|line| ("t", line)));
    lines.extend(node.lines.iter().flat_map(|line| wrapped(line)).map(|line| ("l", line)));
    // Ids are bold.
    let letters = |class: &str| if class == "id" { size_of(class) * 1.13 } else { size_of(class) };
    let width = lines.iter().map(|(class, line)| text_width(line, letters(class))).fold(0.0, f64::max);
    let height = lines.iter().map(|(class, _)| step_of(class)).sum::<f64>() + 16.0;
    Card { lines, size: ((width + 30.0).max(90.0), height.max(least_height(edges))) }
}

fn size_of(class: &str) -> f64 {
    match class {
        "id" => 13.0,
        "t" => 11.5,
        _ => 10.5,
    }
}

fn step_of(class: &str) -> f64 {
    size_of(class) + 4.0
}

/// A text in lines that a card holds, broken at spaces.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|line| line.chars().count() + word.chars().count() < MOST_LETTERS) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// About how wide a text is: letters of a sans-serif, by their kind.
fn text_width(text: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '(' | ')' | '[' | ']' => 0.34,
        'f' | 'r' | 't' | ' ' | '-' | '/' => 0.4,
        'm' | 'w' | 'M' | 'W' | '→' | '%' => 0.92,
        c if c.is_ascii_uppercase() => 0.7,
        c if c.is_ascii() => 0.61,
        _ => 0.85,
    };
    text.chars().map(em).sum::<f64>() * size
}

/// Nodes that hang together, with the edges between them.
struct Part {
    nodes: Vec<usize>,
    edges: Vec<usize>,
}

/// The parts, the largest first; what stands alone comes last, by file.
fn parts(of: &Relations) -> Vec<Part> {
    let mut part_of: Vec<usize> = (0..of.nodes.len()).collect();
    fn root(part_of: &mut [usize], mut node: usize) -> usize {
        while part_of[node] != node {
            part_of[node] = part_of[part_of[node]];
            node = part_of[node];
        }
        node
    }
    for edge in &of.edges {
        let (a, b) = (root(&mut part_of, edge.from), root(&mut part_of, edge.to));
        part_of[a.max(b)] = a.min(b);
    }
    let mut parts: Vec<Part> =
        of.nodes.iter().map(|_| Part { nodes: Vec::new(), edges: Vec::new() }).collect();
    for node in 0..of.nodes.len() {
        parts[root(&mut part_of, node)].nodes.push(node);
    }
    for (at, edge) in of.edges.iter().enumerate() {
        parts[root(&mut part_of, edge.from)].edges.push(at);
    }
    parts.retain(|part| !part.nodes.is_empty());
    let file = |part: &Part| of.nodes[part.nodes[0]].file.unwrap_or(usize::MAX);
    parts.sort_by_key(|part| (std::cmp::Reverse(part.nodes.len()), file(part), part.nodes[0]));
    parts
}

impl Part {
    fn layout(&self, of: &Relations, cards: &[Card]) -> Layout {
        let sizes: Vec<Point> = self.nodes.iter().map(|node| cards[*node].size).collect();
        let place =
            |node: usize| self.nodes.binary_search(&node).expect("an edge is between nodes of its part");
        let edges: Vec<(usize, usize)> = (self.edges.iter())
            .map(|edge| (place(of.edges[*edge].from), place(of.edges[*edge].to)))
            .collect();
        let label = |edge: &usize| text_width(&shortened(&of.edges[*edge].label), 10.0);
        let labels: Vec<f64> = self.edges.iter().map(label).collect();
        layout(&sizes, &edges, &labels)
    }

    fn draw(&self, text: &mut String, of: &Relations, cards: &[Card], layout: &Layout, at: Point) {
        let _infallible = writeln!(text, "<g transform=\"translate({:.1} {:.1})\">", at.0, at.1);
        for (edge, route) in self.edges.iter().zip(&layout.routes) {
            draw_edge(text, &of.edges[*edge], route);
        }
        for (node, corner) in self.nodes.iter().zip(&layout.corners) {
            draw_card(text, &of.nodes[*node], &cards[*node], *corner);
        }
        // Labels lie over everything.
        for (edge, route) in self.edges.iter().zip(&layout.routes) {
            draw_label(text, &of.edges[*edge], route);
        }
        text.push_str("</g>\n");
    }
}

fn draw_edge(text: &mut String, edge: &Edge, route: &[Point]) {
    let [first, rest @ ..] = route else { return };
    let mut path = format!("M{:.1} {:.1}", first.0, first.1);
    let mut from = *first;
    for to in rest {
        let _infallible = if (from.1 - to.1).abs() < 0.05 {
            write!(path, " L{:.1} {:.1}", to.0, to.1)
        } else {
            let middle = f64::midpoint(from.0, to.0);
            write!(path, " C{middle:.1} {:.1} {middle:.1} {:.1} {:.1} {:.1}", from.1, to.1, to.0, to.1)
        };
        from = *to;
    }
    let class = edge.leads.name();
    let tip =
        if edge.leads == Leads::Offers { String::new() } else { format!(" marker-end=\"url(#{class})\"") };
    let _infallible = writeln!(text, "<path class=\"w {class}\" d=\"{path}\"{tip}/>");
}

fn draw_label(text: &mut String, edge: &Edge, route: &[Point]) {
    let [.., before, last] = route else { return };
    if edge.label.is_empty() {
        return;
    }
    // Before the tip; after it, where the edge leads back.
    let (x, anchor) =
        if before.0 < last.0 { (last.0 - 11.0, "") } else { (last.0 + 11.0, " style=\"text-anchor:start\"") };
    let shown = shortened(&edge.label);
    // All of it is told to whoever points at it.
    let all =
        if shown == edge.label { String::new() } else { format!("<title>{}</title>", escaped(&edge.label)) };
    let (label, y) = (escaped(&shown), last.1 - 3.0);
    // Under the letters the same ones, broad: not every reader knows `paint-order`.
    for (class, all) in [("eh", ""), ("e", all.as_str())] {
        let _infallible =
            writeln!(text, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\"{anchor}>{all}{label}</text>");
    }
}

/// A label without its middle, where it is long: labels beside each other begin alike, and differ at their ends.
fn shortened(label: &str) -> String {
    let letters: Vec<char> = label.chars().collect();
    if letters.len() <= MOST_OF_LABEL {
        return label.to_owned();
    }
    let (first, last) = (MOST_OF_LABEL / 2 - 4, MOST_OF_LABEL / 2 + 3);
    letters[..first].iter().chain(['…'].iter()).chain(&letters[letters.len() - last..]).collect()
}

fn draw_card(text: &mut String, node: &Node, card: &Card, (x, y): Point) {
    let (width, height) = card.size;
    let class = node.kind.name();
    let round = match node.kind {
        Kind::Fact | Kind::Choice | Kind::Npc => 14.0_f64.min(height / 2.0),
        _ => 6.0,
    };
    let _infallible = writeln!(
        text,
        "<g class=\"{class}\"><title>{class} {}</title><rect class=\"c\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
         height=\"{height:.1}\" rx=\"{round:.0}\"/>",
        escaped(&node.id)
    );
    if let Some(file) = node.file {
        let colour = FILES[file % FILES.len()];
        let _infallible = writeln!(
            text,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"4\" height=\"{:.1}\" rx=\"2\" fill=\"{colour}\"/>",
            x + 5.0,
            y + 7.0,
            height - 14.0
        );
    }
    let inner = card.lines.iter().map(|(class, _)| step_of(class)).sum::<f64>();
    let mut line_y = y + (height - inner) / 2.0;
    for (class, line) in &card.lines {
        line_y += step_of(class);
        let _infallible = writeln!(
            text,
            "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x + 16.0,
            line_y - 4.0,
            escaped(line)
        );
    }
    text.push_str("</g>\n");
}

/// What colours and lines mean, in as many lines as it takes.
struct Legend {
    text: String,
    /// Where the next thing stands.
    at: Point,
    right: f64,
}

impl Legend {
    /// It goes no further than `right`.
    fn of(of: &Relations, right: f64) -> Legend {
        let mut legend = Legend { text: String::new(), at: (MARGIN, TITLE + LEGEND_LINE), right };
        for leads in Leads::ALL.into_iter().filter(|leads| of.edges.iter().any(|edge| edge.leads == *leads)) {
            legend.line(leads);
        }
        // Files begin a line of their own where they do not fit beside these.
        let files = of.files.iter().take(MOST_FILES);
        let wide: f64 = files.clone().map(|file| file_width(file)).sum();
        if legend.at.0 + wide > right {
            legend.at = (MARGIN, legend.at.1 + LEGEND_LINE);
        }
        for (place, file) in files.enumerate() {
            legend.file(file, FILES[place % FILES.len()]);
        }
        if let Some(more) = of.files.len().checked_sub(MOST_FILES).filter(|more| *more > 0) {
            let said = format!("and {more} more");
            let (x, y) = legend.room(text_width(&said, 11.5) + 20.0);
            let _infallible =
                writeln!(legend.text, "<text class=\"k\" x=\"{x:.1}\" y=\"{y:.1}\">{said}</text>");
        }
        legend
    }

    /// How high all its lines are.
    fn height(&self) -> f64 {
        self.at.1 - TITLE
    }

    /// A place for something so wide.
    fn room(&mut self, wide: f64) -> Point {
        if self.at.0 > MARGIN && self.at.0 + wide > self.right {
            self.at = (MARGIN, self.at.1 + LEGEND_LINE);
        }
        let place = self.at;
        self.at.0 += wide;
        place
    }

    fn line(&mut self, leads: Leads) {
        let (x, y) = self.room(33.0 + text_width(leads.words(), 11.5) + 24.0);
        let class = leads.name();
        let tip =
            if leads == Leads::Offers { String::new() } else { format!(" marker-end=\"url(#{class})\"") };
        let _infallible = writeln!(
            self.text,
            "<path class=\"w {class}\" d=\"M{x:.1} {0:.1} L{1:.1} {0:.1}\"{tip}/><text class=\"k\" x=\"{2:.1}\" y=\"{y:.1}\">{3}</text>",
            y - 4.0,
            x + 26.0,
            x + 33.0,
            leads.words()
        );
    }

    fn file(&mut self, file: &str, colour: &str) {
        let (x, y) = self.room(file_width(file));
        let _infallible = writeln!(
            self.text,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"4\" height=\"14\" rx=\"2\" fill=\"{colour}\"/><text class=\"k\" x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
            y - 11.0,
            x + 10.0,
            escaped(file)
        );
    }
}

fn file_width(file: &str) -> f64 {
    10.0 + text_width(file, 11.5) + 20.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_label_keeps_its_end() {
        let shown = ["ash", "hush"]
            .map(|drug| shortened(&format!("appears or changes: drug == {drug} and more == {drug}")));
        assert!(shown[0] != shown[1] && shown[0].ends_with("== ash"), "{shown:?}");
        assert!(shown.iter().all(|shown| shown.chars().count() <= MOST_OF_LABEL), "{shown:?}");
        assert_eq!(shortened("state == done"), "state == done");
    }

    #[test]
    fn many_files_make_lines_and_no_wider_picture() {
        let files = |count: usize| (0..count).map(|at| format!("quests/chapter_{at}.yaml")).collect();
        let of = |count: usize| Relations { files: files(count), ..Relations::default() };
        let right = LEGEND_WIDTH + MARGIN;
        let legend = Legend::of(&of(60), right);
        assert!(legend.height() > 5.0 * LEGEND_LINE, "{}", legend.text);
        let places = legend.text.split("x=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default());
        let furthest = places.map(|x| x.parse().expect("a number")).fold(0.0, f64::max);
        assert!(furthest < right, "{furthest}");
        assert!(Legend::of(&of(100), right).text.contains(">and 36 more<"));
        let picture = svg(&of(60));
        assert!(picture.contains(&format!("width=\"{:.0}\"", LEGEND_WIDTH + 2.0 * MARGIN)), "{picture}");
    }
}

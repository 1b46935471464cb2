//! Random Yarn files and random choices: the same for Yarn's own machine and for ours, so nothing here knows either.

use std::fmt::Write as _;

/// The most choices of a dialogue: some go round for ever.
pub(crate) const MOST_CHOICES: usize = 12;

/// How many files there are.
pub(crate) const FILES: u64 = 150;

const NODES: usize = 4;

/// The n-th number below a bound of a seed.
fn below(seed: u64, n: u64, bound: u64) -> u64 {
    let mut z = ((seed << 32) | n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % bound
}

/// Which of those that are open is chosen.
#[must_use]
pub(crate) fn chosen(seed: u64, turn: usize, open: &[usize]) -> usize {
    let place = below(seed, (1 << 30) | turn as u64, open.len() as u64);
    open[usize::try_from(place).expect("a small number")]
}

/// Draws a file.
struct Writer {
    seed: u64,
    drawn: u64,
    lines: u32,
    text: String,
}

impl Writer {
    fn below(&mut self, bound: u64) -> u64 {
        self.drawn += 1;
        below(self.seed, self.drawn, bound)
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        let place = self.below(of.len() as u64);
        of[usize::try_from(place).expect("a small number")]
    }

    fn number(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 3 } else { 8 }) {
            0 => self.below(4).to_string(),
            1 => "$a".to_owned(),
            2 => "$b".to_owned(),
            3 => format!("visited_count(\"N{}\")", self.below(NODES as u64)),
            4 => format!("({} + {})", self.number(depth - 1), self.number(depth - 1)),
            5 => format!("({} - {})", self.number(depth - 1), self.number(depth - 1)),
            6 => format!("({} * {})", self.number(depth - 1), self.number(depth - 1)),
            _ => format!("({} % {})", self.number(depth - 1), 1 + self.below(4)),
        }
    }

    fn test(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 4 } else { 8 }) {
            0 => "$on".to_owned(),
            1 => format!("visited(\"N{}\")", self.below(NODES as u64)),
            2 => format!("$name {} \"{}\"", self.pick(&["==", "!="]), self.pick(&["ann", "nobody"])),
            3 => {
                let by = self.pick(&["<", "<=", ">", ">=", "==", "!="]);
                format!("{} {by} {}", self.number(1), self.number(1))
            }
            4 => format!("({} and {})", self.test(depth - 1), self.test(depth - 1)),
            5 => format!("({} or {})", self.test(depth - 1), self.test(depth - 1)),
            6 => format!("({} xor {})", self.test(depth - 1), self.test(depth - 1)),
            _ => format!("(not ({}))", self.test(depth - 1)),
        }
    }

    fn line(&mut self, indent: usize) -> String {
        self.lines += 1;
        let number = self.lines;
        let inner = match self.below(4) {
            0 => format!(" {{{}}} and {{{}}}", self.number(1), self.test(1)),
            1 => format!(" {{{}}}", self.number(2)),
            2 => " {$name}".to_owned(),
            _ => String::new(),
        };
        let speaker = self.pick(&["", "", "Maren: "]);
        // The same text twice is told apart by its place.
        let said = self.pick(&["Said", "Told", "Said"]);
        format!("{}{speaker}{said} {}{inner}", " ".repeat(indent * 4), number % 7)
    }

    fn statements(&mut self, node: usize, depth: usize, chosen: bool) {
        for _ in 0..=self.below(3) {
            self.statement(node, depth, chosen);
        }
    }

    /// Only what was chosen may lead back, or nothing would end what goes round.
    fn statement(&mut self, node: usize, depth: usize, chosen: bool) {
        let indent = " ".repeat(depth * 4);
        match self.below(if depth >= 3 { 6 } else { 12 }) {
            0 | 1 => {
                let line = self.line(depth);
                let _ = writeln!(self.text, "{line}");
            }
            2 => {
                let fact = self.pick(&["$a", "$b"]);
                let by = self.pick(&["to", "=", "+=", "-="]);
                let number = self.number(2);
                let _ = writeln!(self.text, "{indent}<<set {fact} {by} {number} % 50>>");
            }
            3 => {
                let set = match self.below(2) {
                    0 => format!("$on to {}", self.test(1)),
                    _ => format!("$name to {}", self.pick(&["\"ann\"", "\"bo\"", "\"a\" + \"nn\""])),
                };
                let _ = writeln!(self.text, "{indent}<<set {set}>>");
            }
            4 => {
                let number = self.number(1);
                let _ = writeln!(self.text, "{indent}<<give bread {{{number}}}>>");
            }
            5 => {
                let from = if chosen { 0 } else { node + 1 };
                if from < NODES {
                    let to =
                        from + usize::try_from(self.below((NODES - from) as u64)).expect("a small number");
                    let test = self.test(1);
                    let _ = writeln!(
                        self.text,
                        "{indent}<<if {test}>>\n{indent}    <<jump N{to}>>\n{indent}<<endif>>"
                    );
                }
            }
            6 => {
                let test = self.test(2);
                let _ = writeln!(self.text, "{indent}<<if {test}>>");
                self.statements(node, depth + 1, chosen);
                if self.below(2) == 0 {
                    let test = self.test(1);
                    let _ = writeln!(self.text, "{indent}<<elseif {test}>>");
                    self.statements(node, depth + 1, chosen);
                }
                if self.below(2) == 0 {
                    let _ = writeln!(self.text, "{indent}<<else>>");
                    self.statements(node, depth + 1, chosen);
                }
                let _ = writeln!(self.text, "{indent}<<endif>>");
            }
            7..=10 => self.options(node, depth),
            _ => {
                let _ =
                    writeln!(self.text, "{indent}<<if $a > 40>>\n{indent}    <<stop>>\n{indent}<<endif>>");
            }
        }
    }

    fn options(&mut self, node: usize, depth: usize) {
        let indent = " ".repeat(depth * 4);
        for _ in 0..=self.below(3) {
            self.lines += 1;
            let (line, when) = (self.line(0), self.below(2) == 0);
            let when = if when { format!(" <<if {}>>", self.test(1)) } else { String::new() };
            let _ = writeln!(self.text, "{indent}-> {line}{when}");
            self.statements(node, depth + 1, true);
        }
        // Two lists of options in a row are one.
        let line = self.line(depth);
        let _ = writeln!(self.text, "{line}");
    }

    fn whole(seed: u64) -> String {
        let mut writer = Writer { seed, drawn: 0, lines: 0, text: String::new() };
        for node in 0..NODES {
            let _ = writeln!(writer.text, "title: N{node}\n---");
            let line = writer.line(0);
            let _ = writeln!(writer.text, "{line}");
            writer.statements(node, 0, false);
            if node == 0 {
                writer.options(node, 0);
            }
            let _ = writeln!(writer.text, "===");
        }
        writer.text
    }
}

/// The file of a seed.
#[must_use]
pub(crate) fn file(seed: u64) -> String {
    Writer::whole(seed)
}

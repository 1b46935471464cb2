//! Random expressions over known columns. Fractions are quarters, and only added and multiplied a little, so
//! that SQLite's doubles are exact.

use worldflow_operators::sql::Kind;

use crate::both::Both;
use crate::dice::Dice;
use crate::queries::Named;

pub(crate) struct Expressions<'a> {
    dice: &'a mut Dice,
    columns: &'a [Named],
}

impl<'a> Expressions<'a> {
    pub(crate) fn new(dice: &'a mut Dice, columns: &'a [Named]) -> Expressions<'a> {
        Expressions { dice, columns }
    }

    /// An expression of a kind.
    pub(crate) fn of(&mut self, kind: Kind, depth: usize) -> Both {
        match kind {
            Kind::Int => self.int(depth),
            Kind::Dec => self.dec(depth),
            Kind::Bool => self.truth(depth),
            _ => self.text(depth),
        }
    }

    fn column(&mut self, wanted: impl Fn(Kind) -> bool) -> Option<Both> {
        let all: Vec<&Named> = self.columns.iter().filter(|column| wanted(column.kind)).collect();
        (!all.is_empty()).then(|| Both::same(self.dice.pick(&all).name.clone()))
    }

    fn int(&mut self, depth: usize) -> Both {
        let literal = Both::same(self.dice.below(6).to_string());
        if depth == 0 || self.dice.percent(35) {
            let column = self.column(|kind| kind == Kind::Int);
            return column.filter(|_| self.dice.below(4) > 0).unwrap_or(literal);
        }
        let (one, other) = (self.int(depth - 1), self.int(depth - 1));
        match self.dice.below(23) {
            0 | 1 => Both::filled("($ + $)", &[&one, &other]),
            2 => Both::filled("($ - $)", &[&one, &other]),
            3 => Both::filled("($ * $)", &[&one, &other]),
            4 => Both::filled("($ / $)", &[&one, &other]),
            5 => Both::filled("($ % $)", &[&one, &other]),
            6 => Both::filled("abs($)", &[&one]),
            7 => self.named("coalesce", "ifnull", "coalesce", &[&one, &other]),
            8 => Both::filled("nullif($, $)", &[&one, &other]),
            9 => self.greatest("greatest", "max", &one, &other),
            10 => self.greatest("least", "min", &one, &other),
            11 => {
                let text = self.text(depth - 1);
                self.named("length", "char_length", "length", &[&text])
            }
            12 => {
                let (text, part) = (self.text(depth - 1), self.text(0));
                self.named("instr", "strpos", "instr", &[&text, &part])
            }
            13 => {
                let test = self.truth(depth - 1);
                Both::filled("CASE WHEN $ THEN $ ELSE $ END", &[&test, &one, &other])
            }
            14 => Both::filled("CASE $ WHEN $ THEN 1 WHEN 2 THEN $ END", &[&one, &other, &one]),
            15 => {
                let dec = self.dec(0);
                let cut =
                    Both::filled("(CAST($ AS INTEGER) - ($ < CAST($ AS INTEGER)))", &[&dec, &dec, &dec]);
                let floor = Both::filled("floor($)", &[&dec]);
                Both::of(floor.ours, cut.raw())
            }
            16 => Both::filled("sign($)", &[&one]),
            17 => {
                let dec = self.dec(depth - 1);
                Both::filled("sign($)", &[&dec])
            }
            18 => {
                let dec = self.dec(0);
                let cut =
                    Both::filled("(CAST($ AS INTEGER) + ($ > CAST($ AS INTEGER)))", &[&dec, &dec, &dec]);
                let ceil = self.named("ceil", "ceiling", "ceil", &[&dec]);
                Both::of(ceil.ours, cut.raw())
            }
            19 => {
                let test = self.truth(depth - 1);
                Both::filled("CAST($ AS INTEGER)", &[&test])
            }
            20 => {
                // Halves go away from zero.
                let dec = self.dec(0);
                let cast = Both::filled("CAST($ AS INTEGER)", &[&dec]);
                Both::of(cast.ours, Both::filled("CAST(round($) AS INTEGER)", &[&dec]).raw())
            }
            21 => Both::same("CAST('-12' AS INTEGER)"),
            _ => Both::filled("(- $)", &[&one]),
        }
    }

    /// A function that has two names here, and one of them or another one there.
    fn named(&mut self, one: &str, other: &str, theirs: &str, arguments: &[&Both]) -> Both {
        let holes = vec!["$"; arguments.len()].join(", ");
        let ours = if self.dice.percent(50) { one } else { other };
        let called = |name: &str| Both::filled(&format!("{name}({holes})"), arguments);
        Both::of(called(ours).ours, called(theirs).raw())
    }

    fn greatest(&mut self, ours: &str, theirs: &str, one: &Both, other: &Both) -> Both {
        let ours = Both::filled(&format!("{ours}($, $)"), &[one, other]);
        let theirs = Both::filled(&format!("coalesce({theirs}($, $), $, $)"), &[one, other, one, other]);
        Both::of(ours.ours, theirs.raw())
    }

    fn dec(&mut self, depth: usize) -> Both {
        let literal = Both::same(["1.5", "0.25", "-2.75", "10.0"][self.dice.below(4)]);
        if depth == 0 || self.dice.percent(40) {
            let column = self.column(|kind| kind == Kind::Dec);
            return column.filter(|_| self.dice.below(5) > 0).unwrap_or(literal);
        }
        let (one, int) = (self.dec(depth - 1), self.int(depth - 1));
        match self.dice.below(9) {
            0 => Both::filled("($ + $)", &[&one, &int]),
            1 => Both::filled("($ - $)", &[&int, &one]),
            2 => Both::filled("($ * 2)", &[&one]),
            3 => Both::filled("abs($)", &[&one]),
            4 => Both::filled("coalesce($, $)", &[&one, &literal]),
            5 => Both::filled("round($, 1)", &[&one]),
            6 => {
                let cast = Both::filled("CAST($ AS DECIMAL)", &[&int]);
                Both::of(cast.ours, Both::filled("CAST($ AS REAL)", &[&int]).raw())
            }
            7 => Both::of("CAST('-2.25' AS DECIMAL)", "-2.25"),
            _ => {
                let test = self.truth(depth - 1);
                Both::filled("CASE WHEN $ THEN $ ELSE $ END", &[&test, &one, &literal])
            }
        }
    }

    fn text(&mut self, depth: usize) -> Both {
        let literal = Both::same(["'bear'", "'o'", "''", "'North'", "'a b'"][self.dice.below(5)]);
        if depth == 0 || self.dice.percent(35) {
            let column = self.column(|kind| kind.is_text());
            return column.filter(|_| self.dice.below(5) > 0).unwrap_or(literal);
        }
        let (one, other) = (self.text(depth - 1), self.text(depth - 1));
        match self.dice.below(13) {
            0 => Both::filled("lower($)", &[&one]),
            1 => Both::filled("upper($)", &[&one]),
            2 => Both::filled("trim($)", &[&one]),
            3 => Both::filled("ltrim($)", &[&one]),
            4 => Both::filled("rtrim($)", &[&one]),
            5 => {
                let (from, count) = (1 + self.dice.below(3), self.dice.below(4));
                let (from, count) = (Both::same(from.to_string()), Both::same(count.to_string()));
                self.named("substr", "substring", "substr", &[&one, &from, &count])
            }
            6 => Both::filled("replace($, 'o', '00')", &[&one]),
            7 => Both::filled("($ || $)", &[&one, &other]),
            8 => Both::filled("coalesce($, $)", &[&one, &other]),
            9 => {
                let int = self.int(depth - 1);
                Both::filled("CAST($ AS TEXT)", &[&int])
            }
            10 => {
                let theirs = Both::filled("($ || $)", &[&one, &other]).raw();
                Both::of(Both::filled("concat($, $)", &[&one, &other]).ours, theirs)
            }
            11 => {
                let test = self.truth(depth - 1);
                let theirs =
                    Both::filled("CASE WHEN $ THEN 'true' WHEN NOT ($) THEN 'false' END", &[&test, &test]);
                Both::of(Both::filled("CAST($ AS TEXT)", &[&test]).ours, theirs.raw())
            }
            _ => {
                let test = self.truth(depth - 1);
                Both::filled("CASE WHEN $ THEN $ ELSE $ END", &[&test, &one, &other])
            }
        }
    }

    /// A condition.
    pub(crate) fn truth(&mut self, depth: usize) -> Both {
        let sign = ["=", "<>", "<", "<=", ">", ">="][self.dice.below(6)];
        let low = depth.saturating_sub(1);
        match self.dice.below(if depth == 0 { 8 } else { 17 }) {
            0 | 1 => {
                let (one, other) = (self.int(low), self.int(low));
                Both::filled(&format!("$ {sign} $"), &[&one, &other])
            }
            2 => {
                let (one, other) = (self.dec(low), self.int(low));
                Both::filled(&format!("$ {sign} $"), &[&one, &other])
            }
            3 | 4 => {
                let (one, other) = (self.text(low), self.text(low));
                Both::filled(&format!("$ {sign} $"), &[&one, &other])
            }
            5 => {
                let column = self.column(|_| true).unwrap_or(Both::same("NULL"));
                Both::filled(["$ IS NULL", "$ IS NOT NULL"][self.dice.below(2)], &[&column])
            }
            6 => self.column(|kind| kind == Kind::Bool).unwrap_or(Both::same("TRUE")),
            7 => {
                let one = self.int(low);
                Both::filled("$ BETWEEN 1 AND 3", &[&one])
            }
            8 => {
                let one = self.text(low);
                let pattern =
                    ["'%o%'", "'b___'", "'%'", "'_%a_'", "'wolf'", "'x!_!%' ESCAPE '!'"][self.dice.below(6)];
                Both::filled(&format!("$ {}LIKE {pattern}", ["", "NOT "][self.dice.below(2)]), &[&one])
            }
            9 => {
                let one = self.text(low);
                let list = ["('wolf', 'north')", "('bear', NULL)", "('')"][self.dice.below(3)];
                Both::filled(&format!("$ {}IN {list}", ["", "NOT "][self.dice.below(2)]), &[&one])
            }
            10 => {
                let (one, other) = (self.int(low), self.int(low));
                Both::filled(
                    ["$ IS DISTINCT FROM $", "$ IS NOT DISTINCT FROM $"][self.dice.below(2)],
                    &[&one, &other],
                )
            }
            11 => {
                let inner = self.truth(low);
                Both::filled(["($) IS TRUE", "($) IS NOT FALSE", "NOT ($)"][self.dice.below(3)], &[&inner])
            }
            12 => {
                let (one, other) = (self.text(low), self.text(0));
                let theirs = Both::filled("(substr($, 1, length($)) = $)", &[&one, &other, &other]);
                Both::of(Both::filled("starts_with($, $)", &[&one, &other]).ours, theirs.raw())
            }
            13 => {
                let (one, other) = (self.truth(low), self.text(0));
                let text = Both::filled(
                    "CASE WHEN $ THEN 'true' WHEN NOT ($) THEN 'false' ELSE $ END",
                    &[&one, &one, &other],
                );
                let theirs = Both::filled("(CASE $ WHEN 'true' THEN 1 WHEN 'false' THEN 0 END)", &[&text]);
                Both::of(Both::filled("CAST($ AS BOOLEAN)", &[&text]).ours, theirs.raw())
            }
            _ => {
                let (one, other) = (self.truth(low), self.truth(low));
                Both::filled(["($ AND $)", "($ OR $)"][self.dice.below(2)], &[&one, &other])
            }
        }
    }
}

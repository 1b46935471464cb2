//! The parser: `or` binds less than `and`, that less than `not`, that less than comparisons, those less than
//! arithmetic.

use super::lexer::{Lexed, Token, lex};
use super::{Arithmetic, Expr, ExprKind, ExpressionError, MOST_DEPTH, Part, RowExpr};

/// Parses a text.
///
/// # Errors
/// At the first place that does not fit.
pub fn parse(text: &str) -> Result<Expr, ExpressionError> {
    let tokens = lex(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, end: text.len(), depth: 0 };
    if tokens.is_empty() {
        return Err(ExpressionError::new(0, text.len(), "an empty condition", "say what must hold"));
    }
    let expr = parser.any_of()?;
    match parser.peek() {
        None => Ok(expr),
        Some(_) => Err(parser.unexpected("`and`, `or`, or the end")),
    }
}

struct Parser<'t> {
    tokens: &'t [Lexed],
    at: usize,
    end: usize,
    depth: usize,
}

type Parsed = Result<Expr, ExpressionError>;

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|lexed| &lexed.token)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(found)) if found == word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is = self.is_word(word);
        self.at += usize::from(is);
        is
    }

    fn take_sign(&mut self, sign: char) -> bool {
        let is = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(is);
        is
    }

    fn need_sign(&mut self, sign: char) -> Result<(), ExpressionError> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    /// The end of the token before.
    fn last(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |lexed| lexed.to)
    }

    fn unexpected(&self, wanted: &str) -> ExpressionError {
        let Some(lexed) = self.tokens.get(self.at) else {
            let message = format!("the condition ends where {wanted} is needed");
            return ExpressionError::new(self.end.saturating_sub(1), self.end, message, "finish it");
        };
        let found = match &lexed.token {
            Token::Word(word) => format!("`{word}`"),
            Token::Text(text) => format!("the text '{text}'"),
            Token::Number(number) => format!("the number {number}"),
            Token::Time(time) => format!("the time {time}"),
            Token::Span(span) => format!("the span {span}"),
            Token::Compare(compare) => format!("`{}`", compare.sign()),
            Token::Sign(sign) => format!("`{sign}`"),
        };
        let hint = match &lexed.token {
            Token::Compare(_) => "each comparison has two sides; join comparisons with `and`",
            Token::Sign('-') => "an id with `-` in it needs quotes",
            Token::Word(word) if matches!(word.as_str(), "and" | "or" | "in" | "between") => {
                "something is missing before it"
            }
            Token::Word(_) | Token::Text(_) => "join two conditions with `and` or `or`",
            _ => "look at what stands before it",
        };
        ExpressionError::new(lexed.from, lexed.to, format!("expected {wanted}, found {found}"), hint)
    }

    fn deeper(&mut self, inner: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            let from = self.tokens.get(self.at).map_or(self.end, |lexed| lexed.from);
            let message = format!("a condition that nests deeper than {MOST_DEPTH}");
            return Err(ExpressionError::new(from, self.end, message, "keep a part of it in a fact"));
        }
        let parsed = inner(self);
        self.depth -= 1;
        parsed
    }

    fn any_of(&mut self) -> Parsed {
        self.list("or", Self::all_of, ExprKind::Or)
    }

    fn all_of(&mut self) -> Parsed {
        self.list("and", Self::negation, ExprKind::And)
    }

    fn list(
        &mut self,
        word: &str,
        item: impl Fn(&mut Self) -> Parsed,
        make: fn(Vec<Expr>) -> ExprKind,
    ) -> Parsed {
        let first = item(self)?;
        if !self.is_word(word) {
            return Ok(first);
        }
        let from = first.from;
        let mut items = vec![first];
        while self.take_word(word) {
            items.push(item(self)?);
        }
        Ok(Expr { kind: make(items), from, to: self.last() })
    }

    fn negation(&mut self) -> Parsed {
        let from = self.tokens.get(self.at).map_or(self.end, |lexed| lexed.from);
        if !self.take_word("not") {
            return self.comparison();
        }
        let inner = self.deeper(Self::negation)?;
        Ok(Expr { to: inner.to, kind: ExprKind::Not(Box::new(inner)), from })
    }

    fn comparison(&mut self) -> Parsed {
        let left = self.sum()?;
        let from = left.from;
        if let Some(Token::Compare(compare)) = self.peek() {
            let compare = *compare;
            self.at += 1;
            let right = self.sum()?;
            let to = right.to;
            return Ok(Expr { kind: ExprKind::Compare(Box::new(left), compare, Box::new(right)), from, to });
        }
        let next = self.tokens.get(self.at + 1).map(|lexed| &lexed.token);
        let follows = matches!(next, Some(Token::Word(word)) if word == "in" || word == "between");
        let negated = self.is_word("not") && follows;
        self.at += usize::from(negated);
        let expr = if self.take_word("between") {
            let low = self.sum()?;
            if !self.take_word("and") {
                return Err(self.unexpected("`and`, as in `between 1 and 5`"));
            }
            let high = self.sum()?;
            let to = high.to;
            Expr { kind: ExprKind::Between(Box::new(left), Box::new(low), Box::new(high)), from, to }
        } else if self.take_word("in") {
            let items = self.items()?;
            Expr { kind: ExprKind::In(Box::new(left), items), from, to: self.last() }
        } else {
            return Ok(left);
        };
        if !negated {
            return Ok(expr);
        }
        Ok(Expr { from, to: expr.to, kind: ExprKind::Not(Box::new(expr)) })
    }

    fn items(&mut self) -> Result<Vec<Expr>, ExpressionError> {
        self.need_sign('[')?;
        let mut items = Vec::new();
        while !self.take_sign(']') {
            if !items.is_empty() {
                self.need_sign(',')?;
            }
            items.push(self.sum()?);
        }
        Ok(items)
    }

    fn sum(&mut self) -> Parsed {
        let signs = [('+', Arithmetic::Plus), ('-', Arithmetic::Minus)];
        self.arithmetic(&signs, Self::product)
    }

    fn product(&mut self) -> Parsed {
        let signs = [('*', Arithmetic::Times), ('/', Arithmetic::Over), ('%', Arithmetic::Modulo)];
        self.arithmetic(&signs, Self::signed)
    }

    fn arithmetic(&mut self, signs: &[(char, Arithmetic)], item: impl Fn(&mut Self) -> Parsed) -> Parsed {
        let mut left = item(self)?;
        let mut nested = 0;
        while let Some((_, arithmetic)) = signs.iter().find(|(sign, _)| self.take_sign(*sign)) {
            nested += 1;
            if nested > MOST_DEPTH {
                let message = format!("more than {MOST_DEPTH} terms in a row");
                return Err(ExpressionError::of(&left, message, "keep a part of it in a fact"));
            }
            let right = item(self)?;
            let (from, to) = (left.from, right.to);
            left =
                Expr { kind: ExprKind::Arithmetic(Box::new(left), *arithmetic, Box::new(right)), from, to };
        }
        Ok(left)
    }

    fn signed(&mut self) -> Parsed {
        let from = self.tokens.get(self.at).map_or(self.end, |lexed| lexed.from);
        if !self.take_sign('-') {
            return self.primary();
        }
        let inner = self.deeper(Self::signed)?;
        let to = inner.to;
        let kind = match inner.kind {
            ExprKind::Number(number) if !number.starts_with('-') => ExprKind::Number(format!("-{number}")),
            kind => ExprKind::Negated(Box::new(Expr { kind, from: inner.from, to })),
        };
        Ok(Expr { kind, from, to })
    }

    fn primary(&mut self) -> Parsed {
        const WORDS: [&str; 5] = ["and", "or", "not", "in", "between"];
        let Some(Lexed { token, from, to }) = self.tokens.get(self.at).cloned() else {
            return Err(self.unexpected("a name or a value"));
        };
        let kind = match token {
            Token::Word(word) if WORDS.contains(&word.as_str()) => {
                return Err(self.unexpected("a name or a value"));
            }
            Token::Word(word) if word == "true" || word == "false" => ExprKind::Bool(word == "true"),
            Token::Word(_) => return self.name(),
            Token::Text(text) => ExprKind::Text(text),
            Token::Number(number) => ExprKind::Number(number),
            Token::Time(time) => ExprKind::Time(time),
            Token::Span(span) => ExprKind::Span(span),
            Token::Sign('(') => {
                self.at += 1;
                let inner = self.deeper(Self::any_of)?;
                self.need_sign(')')?;
                return Ok(Expr { kind: inner.kind, from, to: self.last() });
            }
            Token::Sign(_) | Token::Compare(_) => return Err(self.unexpected("a name or a value")),
        };
        self.at += 1;
        Ok(Expr { kind, from, to })
    }

    fn name(&mut self) -> Parsed {
        let mut parts = Vec::new();
        loop {
            let Some(Lexed { token: Token::Word(text) | Token::Text(text), from, to }) =
                self.tokens.get(self.at).cloned()
            else {
                return Err(self.unexpected("a name after `.`"));
            };
            parts.push(Part { text, from, to });
            self.at += 1;
            if !self.take_sign('.') {
                break;
            }
        }
        let from = parts.first().map_or(0, |part| part.from);
        if self.peek() == Some(&Token::Sign('[')) && parts.first().is_some_and(|first| first.text == "view") {
            return self.row(parts, from);
        }
        Ok(Expr { kind: ExprKind::Name(parts), from, to: self.last() })
    }

    /// `view.hunters[player].kills`, from the key on.
    fn row(&mut self, parts: Vec<Part>, from: usize) -> Parsed {
        let Ok([_, view]) = <[Part; 2]>::try_from(parts) else {
            let hint = "write `view.<name>[<key>].<column>`";
            return Err(ExpressionError::new(from, self.last(), "a view has one name", hint));
        };
        let key = self.items()?;
        let column = if self.take_sign('.') {
            let Some(Lexed { token: Token::Word(text) | Token::Text(text), from, to }) =
                self.tokens.get(self.at).cloned()
            else {
                return Err(self.unexpected("a column after `.`"));
            };
            self.at += 1;
            Some(Part { text, from, to })
        } else {
            None
        };
        Ok(Expr { kind: ExprKind::Row(RowExpr { view, key, column }), from, to: self.last() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expression with every pair of parentheses.
    fn show(expr: &Expr) -> String {
        let list = |items: &[Expr], word: &str| {
            let items: Vec<String> = items.iter().map(show).collect();
            format!("({})", items.join(word))
        };
        match &expr.kind {
            ExprKind::And(items) => list(items, " and "),
            ExprKind::Or(items) => list(items, " or "),
            ExprKind::Not(inner) => format!("not {}", show(inner)),
            ExprKind::Compare(a, compare, b) => format!("({} {} {})", show(a), compare.sign(), show(b)),
            ExprKind::Between(of, a, b) => format!("({} between {} and {})", show(of), show(a), show(b)),
            ExprKind::In(of, items) => format!("({} in {})", show(of), list(items, ", ")),
            ExprKind::Arithmetic(a, sign, b) => format!("({} {} {})", show(a), sign.sign(), show(b)),
            ExprKind::Negated(inner) => format!("-{}", show(inner)),
            ExprKind::Name(parts) => {
                parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(".")
            }
            ExprKind::Number(text) | ExprKind::Time(text) => text.clone(),
            ExprKind::Text(text) => format!("'{text}'"),
            ExprKind::Row(RowExpr { view, key, column }) => {
                let column = column.as_ref().map_or(String::new(), |column| format!(".{}", column.text));
                format!("view.{}[{}]{column}", view.text, list(key, ", "))
            }
            ExprKind::Bool(is) => is.to_string(),
            ExprKind::Span(span) => span.to_string(),
        }
    }

    #[test]
    fn what_binds_more_comes_first() {
        for (text, shown) in [
            ("a or b and not c == d", "(a or (b and not (c == d)))"),
            (
                "player.level >= 5 and weather.state in [rain, storm]",
                "((player.level >= 5) and (weather.state in (rain, storm)))",
            ),
            ("a + b * -2 - c % 3 < (d + 1) / 2", "(((a + (b * -2)) - (c % 3)) < ((d + 1) / 2))"),
            ("not (a or b) and c", "(not (a or b) and c)"),
            (
                "clock.time between 20:00 and 06:00 or x not in [1, -2.5]",
                "((clock.time between 20:00 and 06:00) or not (x in (1, -2.5)))",
            ),
            (
                "weather.lasting >= 6h world and quest.'lost-flock' != done",
                "((weather.lasting >= 6h world) and (quest.lost-flock != done))",
            ),
            ("- (a) > -3", "(-a > -3)"),
            (
                "view.hunters[player].kills + 1 >= 10 and not view.'feuds'[red, 'blue-2']",
                "(((view.hunters[(player)].kills + 1) >= 10) and not view.feuds[(red, 'blue-2')])",
            ),
        ] {
            assert_eq!(show(&parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))), shown);
        }
    }

    #[test]
    fn a_wrong_text_says_where() {
        for (text, at, message) in [
            ("a = 3", "=", "`=` has no meaning in a condition"),
            ("a == 3 &&", "&&", "`&&` has no meaning in a condition"),
            ("a == ", " ", "the condition ends where a name or a value is needed"),
            ("a == 3 b == 4", "b", "expected `and`, `or`, or the end, found `b`"),
            ("a < b < c", "<", "expected `and`, `or`, or the end, found `<`"),
            ("(a or b", "b", "the condition ends where `)` is needed"),
            ("x in rain", "rain", "expected `[`, found `rain`"),
            ("x between 1, 2", ",", "expected `and`, as in `between 1 and 5`, found `,`"),
            ("path == 'ir", "'ir", "a text without its closing quote"),
            ("x > 3parsecs", "3parsecs", "`3parsecs` is not a span of time"),
            ("x > 0.1234567", "0.1234567", "a number with more than six places"),
            ("a § b", "§", "`\\u{a7}` has no meaning in a condition"),
            ("", "", "an empty condition"),
            ("view.hunters[player", "r", "the condition ends where `,` is needed"),
            ("view.hunters[player]. > 3", ">", "expected a column after `.`, found `>`"),
            ("view[player].kills > 3", "v", "a view has one name"),
            ("hunters[player].kills > 3", "[", "expected `and`, `or`, or the end, found `[`"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.message.starts_with(message), "{text}: {error}");
            let place = text.rfind(at).unwrap_or(0);
            assert_eq!(error.from, place, "{text}: {error:?}");
        }
    }

    #[test]
    fn a_hostile_text_is_an_error() {
        for text in [
            "(".repeat(4_000),
            "not ".repeat(1_000),
            "-".repeat(3_000),
            format!("a > 1{}", " + 1".repeat(900)),
            "a and ".repeat(2_000),
            "9".repeat(3_000),
        ] {
            assert!(parse(&text).is_err(), "{text}");
        }
    }
}

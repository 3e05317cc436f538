//! Finds the paths that a source names, `crate::wire::Flag` or `println`, and where they stand.
//!
//! Knows comments, literals, grouped imports and inline modules. Knows no types and no macros: a
//! macro's arguments are read as if they were code.

/// A path in the code, such as `crate::wire::Flag`; grouped imports are one `Name` per member.
pub(crate) struct Name<'a> {
    pub(crate) segments: Vec<&'a str>,
    pub(crate) line: usize,
    /// The number of `mod name { .. }` around it.
    pub(crate) inline_depth: usize,
    pub(crate) before: &'a str,
    pub(crate) after: &'a str,
}

/// Hands every path in the code of `text` to `visit`. Comments and literals are no code.
pub(crate) fn for_each_name(text: &str, visit: impl FnMut(&Name<'_>)) {
    let code = without_comments_and_literals(text);
    PathReader::read(&tokens(&code)).iter().for_each(visit);
}

struct Token<'a> {
    text: &'a str,
    line: usize,
}

struct PathReader<'a, 't> {
    tokens: &'t [Token<'a>],
    at: usize,
    names: Vec<Name<'a>>,
}

impl<'a, 't> PathReader<'a, 't> {
    fn read(tokens: &'t [Token<'a>]) -> Vec<Name<'a>> {
        let mut reader = Self { tokens, at: 0, names: Vec::new() };
        let mut braces = Vec::new();
        while reader.at < tokens.len() {
            let word = reader.word(0);
            if word.starts_with(is_word) {
                let inline_depth = braces.iter().filter(|is_module| **is_module).count();
                reader.path(&[], inline_depth, reader.word(-1));
                continue;
            }
            match word {
                "{" => braces.push(reader.word(-2) == "mod"),
                "}" => drop(braces.pop()),
                _ => {}
            }
            reader.at += 1;
        }
        reader.names
    }

    fn word(&self, offset: isize) -> &'a str {
        let index = self.at.checked_add_signed(offset);
        index.and_then(|index| self.tokens.get(index)).map_or("", |token| token.text)
    }

    /// Reads one path, or one member of a group; `prefix` is what stands in front of the group.
    fn path(&mut self, prefix: &[&'a str], inline_depth: usize, before: &'a str) {
        let mut segments = prefix.to_vec();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        loop {
            segments.push(self.word(0));
            self.at += 1;
            let next = self.word(1);
            if self.word(0) != "::" || !(next.starts_with(is_word) || ["{", "*"].contains(&next)) {
                break;
            }
            self.at += 1;
            if next == "{" {
                return self.group(&segments, inline_depth);
            }
        }
        self.names.push(Name { segments, line, inline_depth, before, after: self.word(0) });
    }

    fn group(&mut self, prefix: &[&'a str], inline_depth: usize) {
        self.at += 1;
        while !["}", ""].contains(&self.word(0)) {
            match self.word(0) {
                "as" => self.at += 2,
                word if word == "*" || word.starts_with(is_word) => {
                    self.path(prefix, inline_depth, "::");
                }
                _ => self.at += 1,
            }
        }
        self.at += 1;
    }
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let len = match first {
                _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                _ if rest.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            let (text, tail) = rest.split_at(len);
            tokens.push(Token { text, line: index + 1 });
            rest = tail.trim_start();
        }
    }
    tokens
}

/// The code alone: comments, strings and characters become blanks, and lines stay where they are.
fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let opaque = opaque_len(rest, code.ends_with(is_word));
        let (piece, tail) = rest.split_at(opaque.unwrap_or_else(|| first.len_utf8()));
        let blank = |c: char| if opaque.is_none() || c == '\n' { c } else { ' ' };
        code.extend(piece.chars().map(blank));
        rest = tail;
    }
    code
}

/// The length of the comment or literal that `rest` begins with.
fn opaque_len(rest: &str, follows_word: bool) -> Option<usize> {
    let through = |from: usize, end: &str| {
        let found = rest.get(from..)?.find(end);
        Some(found.map_or(rest.len(), |at| from + at + end.len()))
    };
    let hashes = ["r", "br", "cr"].iter().filter(|_| !follows_word).find_map(|prefix| {
        let hashes = rest.strip_prefix(prefix)?;
        let count = hashes.len() - hashes.trim_start_matches('#').len();
        hashes.get(count..)?.starts_with('"').then_some((prefix.len() + count + 1, count))
    });
    let mut chars = rest.chars();
    match (chars.next()?, chars.next(), chars.next()) {
        ('/', Some('/'), _) => Some(rest.find('\n').unwrap_or(rest.len())),
        ('/', Some('*'), _) => Some(block_comment_len(rest)),
        ('"', ..) => Some(string_len(rest)),
        ('\'', Some('\\'), _) => through(3, "'"),
        ('\'', Some(c), Some('\'')) => Some(2 + c.len_utf8()),
        _ => hashes.and_then(|(from, count)| through(from, &format!("\"{}", "#".repeat(count)))),
    }
}

fn string_len(rest: &str) -> usize {
    // The opening quote passes as escaped.
    let mut is_escaped = true;
    let end = rest.find(|c| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    end.map_or(rest.len(), |end| end + 1)
}

fn block_comment_len(rest: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(found) = rest.get(at..).and_then(|tail| tail.find(['/', '*'])) {
        at += found;
        match rest.get(at..at + 2) {
            Some("/*") => (at, depth) = (at + 2, depth + 1),
            Some("*/") if depth == 1 => return at + 2,
            Some("*/") => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    rest.len()
}

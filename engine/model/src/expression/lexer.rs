//! The words of an expression: names, placeholders, numbers and signs, one at a time, without allocation.
//!
//! In the way of a request: the first step of parsing any expression. All kinds of expression have the same words and
//! the same keywords; which of them may stand where is the parser's matter.

/// A piece of an expression's text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Where it starts.
    pub(super) start: u32,
    /// Where it ends.
    pub(super) end: u32,
}

impl Span {
    /// From one place in a text to another.
    pub(super) fn new(start: usize, end: usize) -> Span {
        let place = |offset: usize| u32::try_from(offset).expect("no text of expressions is as long as 4 GiB");
        Span { start: place(start), end: place(end) }
    }

    /// The piece of `text`.
    pub(super) fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }

    /// The bytes of the piece of `text`.
    pub(super) fn bytes_of(self, text: &str) -> &[u8] {
        &text.as_bytes()[self.start as usize..self.end as usize]
    }
}

/// The words that are never names, in any expression and in whatever case.
// DynamoDB: observed: one lexer for all kinds of expression: `SET` is no name in a condition either.
const KEYWORDS: [&str; 9] = ["AND", "OR", "NOT", "BETWEEN", "IN", "SET", "REMOVE", "ADD", "DELETE"];

/// One word of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: TokenKind,
    /// Where it starts, in bytes.
    start: usize,
    /// Where it ends, in bytes.
    end: usize,
}

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A letter, then letters, digits and underscores.
    Name,
    /// A name that has a meaning of its own.
    Keyword,
    /// `#name`.
    NamePlaceholder,
    /// `:name`.
    ValuePlaceholder,
    /// Digits, the first of which is 0 only when it stands alone.
    Integer,
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `,`
    Comma,
    /// `.`
    Dot,
    /// `(`
    OpenParenthesis,
    /// `)`
    CloseParenthesis,
    /// `[`
    OpenBracket,
    /// `]`
    CloseBracket,
    /// A character that no expression contains.
    Unknown,
    /// The end of the expression.
    End,
}

impl Token {
    /// Where it stands.
    pub(super) fn span(self) -> Span {
        Span::new(self.start, self.end)
    }
}

/// The words of one expression, with the one before and the one after the current, for error texts.
#[derive(Debug)]
pub(super) struct TokenStream<'a> {
    text: &'a str,
    previous: Option<Token>,
    current: Token,
    next: Token,
}

impl<'a> TokenStream<'a> {
    /// Starts at the first word of `text`.
    pub(super) fn new(text: &'a str) -> TokenStream<'a> {
        let current = token_at(text, 0);
        TokenStream { text, previous: None, current, next: token_at(text, current.end) }
    }

    /// The current word.
    pub(super) fn current(&self) -> Token {
        self.current
    }

    /// The word before the current one, if there is one.
    pub(super) fn previous(&self) -> Option<Token> {
        self.previous
    }

    /// The word after the current one.
    pub(super) fn next(&self) -> Token {
        self.next
    }

    /// Goes on to the next word and returns the one left behind. At the end it stays.
    pub(super) fn advance(&mut self) -> Token {
        let current = self.current;
        if current.kind != TokenKind::End {
            self.previous = Some(current);
            self.current = self.next;
            self.next = token_at(self.text, self.next.end);
        }
        current
    }

    /// Goes on when the current word is of `kind`.
    pub(super) fn accept(&mut self, kind: TokenKind) -> Option<Token> {
        (self.current.kind == kind).then(|| self.advance())
    }

    /// Whether the current word is `keyword`, in whatever case.
    pub(super) fn is_keyword(&self, keyword: &str) -> bool {
        self.current.kind == TokenKind::Keyword && self.text_of(self.current).eq_ignore_ascii_case(keyword)
    }

    /// Goes on when the current word is `keyword`, in whatever case.
    pub(super) fn accept_keyword(&mut self, keyword: &str) -> bool {
        let is_there = self.is_keyword(keyword);
        if is_there {
            self.advance();
        }
        is_there
    }

    /// The word as it is written.
    pub(super) fn text_of(&self, token: Token) -> &'a str {
        &self.text[token.start..token.end]
    }

    /// What to say when the current word cannot stand where it does.
    // DynamoDB: observed: the word, then the text from the word before to the word after.
    pub(super) fn syntax_error(&self) -> String {
        let word = if self.current.kind == TokenKind::End { "<EOF>" } else { self.text_of(self.current) };
        let start = self.previous.map_or(self.current.start, |token| token.start);
        let last = [self.next, self.current].into_iter().find(|token| token.kind != TokenKind::End);
        let end = last.or(self.previous).map_or(start, |token| token.end);
        format!("Syntax error; token: \"{word}\", near: \"{}\"", &self.text[start..end])
    }
}

/// The first word at or after `offset`, which lies between two characters.
fn token_at(text: &str, offset: usize) -> Token {
    let rest = &text[offset..];
    let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
    let start = offset + (rest.len() - trimmed.len());
    let Some(first) = trimmed.chars().next() else {
        return Token { kind: TokenKind::End, start, end: start };
    };
    let (kind, length) = match first {
        'a'..='z' | 'A'..='Z' => name(&trimmed[..word_length(trimmed)]),
        '0' => (TokenKind::Integer, 1),
        '1'..='9' => (TokenKind::Integer, trimmed.bytes().take_while(u8::is_ascii_digit).count()),
        '#' | ':' => placeholder(first, word_length(&trimmed[1..])),
        _ => sign(first, trimmed.as_bytes().get(1).copied()),
    };
    Token { kind, start, end: start + length }
}

fn name(word: &str) -> (TokenKind, usize) {
    let is_keyword = KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword));
    (if is_keyword { TokenKind::Keyword } else { TokenKind::Name }, word.len())
}

/// How many bytes of letters, digits and underscores `text` starts with.
fn word_length(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

fn placeholder(mark: char, name_length: usize) -> (TokenKind, usize) {
    match (mark, name_length) {
        (_, 0) => (TokenKind::Unknown, 1),
        ('#', _) => (TokenKind::NamePlaceholder, 1 + name_length),
        (_, _) => (TokenKind::ValuePlaceholder, 1 + name_length),
    }
}

fn sign(first: char, second: Option<u8>) -> (TokenKind, usize) {
    match (first, second) {
        ('<', Some(b'>')) => (TokenKind::NotEqual, 2),
        ('<', Some(b'=')) => (TokenKind::LessOrEqual, 2),
        ('>', Some(b'=')) => (TokenKind::GreaterOrEqual, 2),
        ('<', _) => (TokenKind::Less, 1),
        ('>', _) => (TokenKind::Greater, 1),
        ('=', _) => (TokenKind::Equal, 1),
        ('+', _) => (TokenKind::Plus, 1),
        ('-', _) => (TokenKind::Minus, 1),
        (',', _) => (TokenKind::Comma, 1),
        ('.', _) => (TokenKind::Dot, 1),
        ('(', _) => (TokenKind::OpenParenthesis, 1),
        (')', _) => (TokenKind::CloseParenthesis, 1),
        ('[', _) => (TokenKind::OpenBracket, 1),
        (']', _) => (TokenKind::CloseBracket, 1),
        (other, _) => (TokenKind::Unknown, other.len_utf8()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let mut stream = TokenStream::new(text);
        let mut words = Vec::new();
        while stream.current().kind != TokenKind::End {
            let token = stream.advance();
            words.push(stream.text_of(token));
        }
        assert_eq!(words, expected);
    }

    #[test]
    fn expressions_fall_into_words() {
        check("", &[]);
        check(" \t\r\n", &[]);
        check("pk=:v AND #s<>:w", &["pk", "=", ":v", "AND", "#s", "<>", ":w"]);
        check("a<=b>=c<d>e", &["a", "<=", "b", ">=", "c", "<", "d", ">", "e"]);
        check("l[12].x+-,()", &["l", "[", "12", "]", ".", "x", "+", "-", ",", "(", ")"]);
        check("l[012] [0]", &["l", "[", "0", "12", "]", "[", "0", "]"]);
        check("1abc __ # : é", &["1", "abc", "_", "_", "#", ":", "é"]);
        check("book-price", &["book", "-", "price"]);
    }

    #[track_caller]
    fn check_error(text: &str, word_count: usize, expected: &str) {
        let mut stream = TokenStream::new(text);
        for _ in 0..word_count {
            stream.advance();
        }
        assert_eq!(stream.syntax_error(), format!("Syntax error; {expected}"));
    }

    #[test]
    fn an_error_shows_the_words_around() {
        check_error("INVALID SYNTAX", 0, r#"token: "INVALID", near: "INVALID SYNTAX""#);
        check_error("!!! INVALID !!!", 0, r#"token: "!", near: "!!""#);
        check_error("SET book-price = :p", 2, r#"token: "-", near: "book-price""#);
        check_error("x = :v AND __typename", 4, r#"token: "_", near: "AND __""#);
        check_error("pk = :pk AND sk = :sk", 9, r#"token: "<EOF>", near: ":sk""#);
        check_error("", 0, r#"token: "<EOF>", near: """#);
        check_error("id = :hashId a", 3, r#"token: "a", near: ":hashId a""#);
    }
}

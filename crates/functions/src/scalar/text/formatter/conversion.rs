//! Parses the conversions of a format, and refuses those that Java refuses: `%[index$][flags][width][.precision]kind`.

/// A format that cannot be applied: what is expected, and what was found instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub expected: String,
    pub found: String,
}

impl Refused {
    pub(super) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into() }
    }
}

/// A part of a format.
#[derive(Debug)]
pub(super) enum Part<'f> {
    /// A text between conversions.
    Text(&'f str),
    Conversion(Conversion<'f>),
}

/// The argument of a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArgumentPlace {
    /// `%s`: the one after that of the last conversion of this form.
    Next,
    /// `%<s`: that of the conversion before.
    Same,
    /// `%2$s`: counted from 0.
    At(usize),
}

/// What a conversion shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConversionKind {
    /// `%b`
    Boolean,
    /// `%s`
    Text,
    /// `%c`
    Character,
    /// `%d`
    Decimal,
    /// `%o`
    Octal,
    /// `%x`
    Hexadecimal,
    /// `%e`
    Scientific,
    /// `%f`
    Fixed,
    /// `%g`
    General,
    /// `%a`
    HexadecimalFloat,
    /// `%%`
    Percent,
    /// `%n`
    LineEnd,
}

/// A conversion.
#[derive(Debug)]
pub(super) struct Conversion<'f> {
    /// As it is written.
    pub shown: &'f str,
    pub place: ArgumentPlace,
    flags: &'f str,
    pub width: Option<usize>,
    pub precision: Option<usize>,
    pub kind: ConversionKind,
    /// Whether the letter is a capital, and so is the result.
    pub upper: bool,
}

const FLAGS: [char; 8] = ['-', '#', '+', ' ', '0', ',', '(', '<'];

impl Conversion<'_> {
    pub(super) fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    /// Refuses flags, a width and a precision that the conversion does not have.
    fn checked(self) -> Result<Self, Refused> {
        let shown = self.shown;
        let without = |what: &str| Refused::new(format!("a conversion without {what}"), shown);
        if let Some(flag) = self.flags.chars().find(|flag| !self.takes(*flag)) {
            return Err(without(&format!("the flag '{flag}'")));
        }
        let twice = |flag: &char| self.flags.matches(*flag).count() > 1;
        if let Some(flag) = FLAGS.into_iter().find(twice) {
            return Err(without(&format!("a second flag '{flag}'")));
        }
        for [one, other] in [['+', ' '], ['-', '0']] {
            if self.has(one) && self.has(other) {
                return Err(without(&format!("the flag '{one}' or the flag '{other}'")));
            }
        }
        if let (Some(flag), None) = (['-', '0'].into_iter().find(|flag| self.has(*flag)), self.width) {
            return Err(Refused::new(format!("a width for the flag '{flag}'"), shown));
        }
        if self.precision.is_some() && !self.takes_precision() {
            return Err(without("a precision"));
        }
        if self.width.is_some() && self.kind == ConversionKind::LineEnd {
            return Err(without("a width"));
        }
        Ok(self)
    }

    fn takes(&self, flag: char) -> bool {
        let allowed = match self.kind {
            ConversionKind::Boolean | ConversionKind::Text | ConversionKind::Character => "-<",
            ConversionKind::Decimal => "-+ 0,(<",
            ConversionKind::Octal | ConversionKind::Hexadecimal => "-#0<",
            ConversionKind::Scientific => "-#+ 0(<",
            ConversionKind::Fixed => "-#+ 0,(<",
            ConversionKind::General => "-+ 0,(<",
            ConversionKind::HexadecimalFloat => "-#+ 0<",
            ConversionKind::Percent => "-",
            ConversionKind::LineEnd => "",
        };
        allowed.contains(flag)
    }

    fn takes_precision(&self) -> bool {
        match self.kind {
            ConversionKind::Boolean
            | ConversionKind::Text
            | ConversionKind::Scientific
            | ConversionKind::Fixed
            | ConversionKind::General
            | ConversionKind::HexadecimalFloat => true,
            ConversionKind::Character
            | ConversionKind::Decimal
            | ConversionKind::Octal
            | ConversionKind::Hexadecimal
            | ConversionKind::Percent
            | ConversionKind::LineEnd => false,
        }
    }
}

/// Splits a format into texts and conversions.
pub(super) fn parse(format: &str) -> Result<Vec<Part<'_>>, Refused> {
    let mut parts = vec![];
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        let (conversion, after) = conversion(from)?;
        parts.push(Part::Conversion(conversion));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

/// Splits the conversion off that a text begins with.
fn conversion(from: &str) -> Result<(Conversion<'_>, &str), Refused> {
    let after_percent = from.strip_prefix('%').unwrap_or(from);
    let (digits, after_digits) = prefix(after_percent, |c| c.is_ascii_digit());
    // Digits are the width, unless `$` follows: then they are the index, and flags and width come after.
    let (index, rest) = match after_digits.strip_prefix('$') {
        Some(rest) if !digits.is_empty() => (Some(digits), rest),
        _ => (None, after_percent),
    };
    let (flags, rest) = prefix(rest, |c| FLAGS.contains(&c));
    let (width, rest) = prefix(rest, |c| c.is_ascii_digit());
    let (precision, rest) = match rest.strip_prefix('.') {
        Some(after) => {
            let (digits, rest) = prefix(after, |c| c.is_ascii_digit());
            (Some(digits), rest)
        }
        None => (None, rest),
    };
    let letter = rest.chars().next();
    let rest = rest.get(letter.map_or(0, char::len_utf8)..).unwrap_or_default();
    let shown = from.get(..from.len() - rest.len()).unwrap_or(from);
    let (kind, upper) = kind_of(letter, shown)?;
    let number = |digits: &str| digits.parse::<usize>().map_err(|_| too_large(shown));
    let made = Conversion {
        shown,
        place: place_of(index, flags, shown)?,
        flags,
        width: Some(width).filter(|digits| !digits.is_empty()).map(number).transpose()?,
        precision: precision.map(number).transpose()?,
        kind,
        upper,
    };
    match made.width.max(made.precision) {
        Some(size) if size > SIZE_MAX => Err(too_large(shown)),
        _ => Ok((made.checked()?, rest)),
    }
}

/// The greatest width and precision; Java has no limit but its memory.
const SIZE_MAX: usize = 1_000_000;

fn too_large(shown: &str) -> Refused {
    Refused::new(format!("a width and a precision of at most {SIZE_MAX}"), shown)
}

/// Splits the characters off that a text begins with.
fn prefix(text: &str, is_part: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn place_of(index: Option<&str>, flags: &str, shown: &str) -> Result<ArgumentPlace, Refused> {
    let Some(digits) = index else {
        return Ok(if flags.contains('<') { ArgumentPlace::Same } else { ArgumentPlace::Next });
    };
    let at = digits.parse::<usize>().ok().and_then(|index| index.checked_sub(1));
    at.map(ArgumentPlace::At).ok_or_else(|| Refused::new("the number of an argument, from 1", shown))
}

fn kind_of(letter: Option<char>, shown: &str) -> Result<(ConversionKind, bool), Refused> {
    let upper = letter.is_some_and(|c| matches!(c, 'B' | 'S' | 'C' | 'X' | 'E' | 'G' | 'A'));
    let kind = match letter.map(|c| if upper { c.to_ascii_lowercase() } else { c }) {
        Some('b') => ConversionKind::Boolean,
        Some('s') => ConversionKind::Text,
        Some('c') => ConversionKind::Character,
        Some('d') => ConversionKind::Decimal,
        Some('o') => ConversionKind::Octal,
        Some('x') => ConversionKind::Hexadecimal,
        Some('e') => ConversionKind::Scientific,
        Some('f') => ConversionKind::Fixed,
        Some('g') => ConversionKind::General,
        Some('a') => ConversionKind::HexadecimalFloat,
        Some('%') => ConversionKind::Percent,
        Some('n') => ConversionKind::LineEnd,
        Some('h' | 'H') => {
            return Err(Refused::new(
                "another conversion than Java's hash code, such as %s of hash(value)",
                shown,
            ));
        }
        Some('t' | 'T') => {
            let expected =
                "another conversion than those of dates, such as %s of date_format(value, pattern)";
            return Err(Refused::new(expected, shown));
        }
        _ => {
            let expected =
                "one of the conversions %b %s %c %d %o %x %e %f %g %a %n, or %% for a percent sign";
            return Err(Refused::new(expected, shown));
        }
    };
    Ok((kind, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_a_conversion_does_not_have_are_refused() {
        for format in [
            "%",
            "%5",
            "%q",
            "%-d",
            "%05",
            "%-05d",
            "%+ d",
            "%,x",
            "%+x",
            "%.2d",
            "%#d",
            "%#s",
            "%05s",
            "%#g",
            "%,e",
            "%(a",
            "%5n",
            "%0$d",
            "%.e",
            "%D",
            "%.2c",
            "%99999999999d",
            "%++d",
            "%h",
            "%tY",
        ] {
            assert!(parse(format).is_err(), "{format}");
        }
        let parts = parse("a%2$-8.3s%%%n|").unwrap_or_default();
        assert_eq!(parts.len(), 5, "{parts:?}");
        assert!(
            matches!(&parts[1], Part::Conversion(c) if c.place == ArgumentPlace::At(1) && c.width == Some(8))
        );
    }
}

//! Formats and parses offsets from UTC as patterns define them: `+08`, `+0800`, `+08:00`, `GMT+8`, `Z`.

/// The form of an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OffsetStyle {
    /// Set if `GMT` precedes the offset.
    gmt: bool,
    /// Set if hours have two digits.
    padded: bool,
    colon: bool,
    minutes: Part,
    seconds: Part,
    /// The text of an offset of 0; it is written as digits if this is empty.
    zero: &'static str,
}

/// The condition under which minutes or seconds are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Always,
    UnlessZero,
    Never,
}

/// The largest offset of a zone in Java, in seconds.
const OFFSET_MAX_S: i64 = 18 * 3600;

impl OffsetStyle {
    /// The form of an offset in the id of a zone: `+08:00`, `-03:00:15`.
    pub(super) const IN_ZONE: Self = Self {
        gmt: false,
        padded: true,
        colon: true,
        minutes: Part::Always,
        seconds: Part::UnlessZero,
        zero: "",
    };

    /// Returns the form for a letter of a pattern that is repeated `width` times, if it is a letter for offsets.
    pub(super) fn of(letter: char, width: usize) -> Option<Self> {
        let plain = |zero| Self { seconds: Part::Never, colon: false, zero, ..Self::IN_ZONE };
        let gmt = |padded| Self { gmt: true, padded, zero: "GMT", ..Self::IN_ZONE };
        Some(match (letter, width) {
            ('X' | 'x', 1..=5) => {
                let zero = if letter == 'X' { "Z" } else { "" };
                Self {
                    minutes: if width == 1 { Part::UnlessZero } else { Part::Always },
                    colon: matches!(width, 3 | 5),
                    seconds: if width >= 4 { Part::UnlessZero } else { Part::Never },
                    ..plain(zero)
                }
            }
            ('Z', 1..=3) => plain(""),
            ('Z', 4) | ('O', 4) => gmt(true),
            ('O', 1) => Self { minutes: Part::UnlessZero, ..gmt(false) },
            ('Z', 5) => Self { zero: "Z", ..Self::IN_ZONE },
            _ => return None,
        })
    }

    pub(super) fn write(self, offset: i64, out: &mut String) {
        if offset == 0 && !self.zero.is_empty() {
            return out.push_str(self.zero);
        }
        if self.gmt {
            out.push_str("GMT");
        }
        let size = offset.abs();
        let (hours, minutes, seconds) = (size / 3600, size / 60 % 60, size % 60);
        // Java writes a plus for an offset that is truncated to zero.
        let shown = if self.seconds == Part::Never { size - seconds } else { size };
        out.push(if offset < 0 && shown > 0 { '-' } else { '+' });
        out.push_str(&if self.padded { format!("{hours:02}") } else { hours.to_string() });
        let colon = if self.colon { ":" } else { "" };
        let with_seconds = self.seconds == Part::UnlessZero && seconds != 0;
        if self.minutes == Part::Always || minutes != 0 || with_seconds {
            out.push_str(&format!("{colon}{minutes:02}"));
        }
        if with_seconds {
            out.push_str(&format!("{colon}{seconds:02}"));
        }
    }

    /// Parses the offset at the start of a text, and returns it in seconds with the rest.
    pub(super) fn read(self, text: &str) -> Option<(i64, &str)> {
        let text = if self.gmt { strip_prefix(text, "GMT")? } else { text };
        if !self.gmt
            && !self.zero.is_empty()
            && let Some(rest) = strip_prefix(text, self.zero)
        {
            return Some((0, rest));
        }
        let sign = match text.as_bytes().first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            // `GMT` alone is an offset of 0.
            _ if self.gmt => return Some((0, text)),
            _ => return None,
        };
        let rest = text.get(1..)?;
        let (hours, rest) = match two_digits(rest) {
            Some(found) => found,
            None if self.padded => return None,
            None => one_digit(rest)?,
        };
        let (minutes, rest) = self.part(rest, self.minutes)?;
        let (seconds, rest) = match minutes {
            Some(_) => self.part(rest, self.seconds)?,
            None => (None, rest),
        };
        let (minutes, seconds) = (minutes.unwrap_or(0), seconds.unwrap_or(0));
        let total = hours * 3600 + minutes * 60 + seconds;
        (minutes < 60 && seconds < 60 && total <= OFFSET_MAX_S).then_some((sign * total, rest))
    }

    /// Parses minutes or seconds; `Some((None, …))` if they are missing and may be.
    fn part(self, text: &str, part: Part) -> Option<(Option<i64>, &str)> {
        let digits = if self.colon { text.strip_prefix(':') } else { Some(text) };
        match (digits.and_then(two_digits), part) {
            (_, Part::Never) | (None, Part::UnlessZero) => Some((None, text)),
            (None, Part::Always) => None,
            (Some((value, rest)), _) => Some((Some(value), rest)),
        }
    }
}

/// Returns the rest of a text after a prefix, which is compared without case.
pub(super) fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn two_digits(text: &str) -> Option<(i64, &str)> {
    let (head, rest) = text.split_at_checked(2)?;
    if head.bytes().all(|b| b.is_ascii_digit()) { Some((head.parse().ok()?, rest)) } else { None }
}

fn one_digit(text: &str) -> Option<(i64, &str)> {
    let digit = text.chars().next()?.to_digit(10)?;
    Some((i64::from(digit), text.get(1..)?))
}

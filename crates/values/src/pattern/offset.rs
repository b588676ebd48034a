//! Offsets from UTC as patterns write and read them: `+08`, `+0800`, `+08:00`, `GMT+8`, `Z`.

/// How an offset is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OffsetStyle {
    /// Whether `GMT` stands before it.
    gmt: bool,
    /// Whether hours have two digits.
    padded: bool,
    colon: bool,
    minutes: Part,
    seconds: Part,
    /// What stands for no offset at all; digits if it is empty.
    zero: &'static str,
}

/// Whether minutes or seconds are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Always,
    UnlessZero,
    Never,
}

/// The largest offset that a zone has, in seconds.
const OFFSET_MAX_S: i64 = 18 * 3600;

impl OffsetStyle {
    /// The offset in the name of a zone: `+08:00`, `-03:00:15`.
    pub(super) const IN_ZONE: Self = Self {
        gmt: false,
        padded: true,
        colon: true,
        minutes: Part::Always,
        seconds: Part::UnlessZero,
        zero: "",
    };

    /// The style of a letter of a pattern, if it is one of an offset.
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
        // The sign of an offset that is cut to zero is a plus.
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

    /// The offset that a text begins with, in seconds, and what follows it.
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

    /// Minutes or seconds; none if they are missing and may be.
    fn part(self, text: &str, part: Part) -> Option<(Option<i64>, &str)> {
        let digits = if self.colon { text.strip_prefix(':') } else { Some(text) };
        match (digits.and_then(two_digits), part) {
            (_, Part::Never) | (None, Part::UnlessZero) => Some((None, text)),
            (None, Part::Always) => None,
            (Some((value, rest)), _) => Some((Some(value), rest)),
        }
    }
}

/// The rest of a text after a prefix in any case.
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

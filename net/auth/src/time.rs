//! Times as signatures have them: `20150830T123600Z`.

use crate::calendar::{LAST_SECOND, civil, days};

/// Bytes of a time.
const TIME_BYTES: usize = 16;

/// A time in UTC, in seconds since 1970 began. Years past 9999 show as 9999's last second.
pub fn time_text(epoch_s: u64) -> String {
    let second = epoch_s.min(LAST_SECOND);
    let (year, month, day) = civil(second / 86_400);
    let second = second % 86_400;
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

/// The second that a text stands for; none if it is no time of this form from 1970 on.
pub(crate) fn parse_time(text: &[u8]) -> Option<u64> {
    let text: &[u8; TIME_BYTES] = text.try_into().ok()?;
    if (text[8], text[15]) != (b'T', b'Z') {
        return None;
    }
    let year = number(&text[..4])?;
    let (month, day) = (number(&text[4..6])?, number(&text[6..8])?);
    let (hour, minute, second) = (number(&text[9..11])?, number(&text[11..13])?, number(&text[13..15])?);
    let is_of_a_day = hour < 24 && minute < 60 && second < 60;
    let day = days(year, month, day).filter(|_| is_of_a_day)?;
    Some(day * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_and_read_back() {
        for (epoch_s, text) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_440_938_160, "20150830T123600Z"),
            (4_107_542_399, "21000228T235959Z"),
            (LAST_SECOND, "99991231T235959Z"),
        ] {
            assert_eq!(time_text(epoch_s), text);
            assert_eq!(parse_time(text.as_bytes()), Some(epoch_s), "{text}");
        }
        assert_eq!(time_text(u64::MAX), "99991231T235959Z");
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "20150830T123600",
            "20150830T123600z",
            "20150830 123600Z",
            "2015083OT123600Z",
            "20150830T123600ZZ",
            "20150229T000000Z",
            "20150832T000000Z",
            "20150800T000000Z",
            "20151301T000000Z",
            "20150001T000000Z",
            "20150830T240000Z",
            "20150830T006000Z",
            "20150830T000060Z",
            "19691231T235959Z",
            "2015-08-30T12:36",
        ] {
            assert_eq!(parse_time(text.as_bytes()), None, "{text}");
        }
    }
}

//! The `Date` header, rendered once a second.
//!
//! The clock is the caller's: this file only turns seconds into text.

use auth::calendar::{LAST_SECOND, civil};

/// Length of `Sun, 06 Nov 1994 08:49:37 GMT`.
const DATE_BYTES: usize = 29;

/// The current date as HTTP writes it. One per core, in its codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HttpDate {
    epoch_s: u64,
    text: [u8; DATE_BYTES],
}

impl HttpDate {
    /// The date `epoch_s` seconds after 1970 began, in UTC. Years past 9999 show as 9999's last second.
    pub(crate) fn new(epoch_s: u64) -> HttpDate {
        HttpDate { epoch_s, text: render(epoch_s.min(LAST_SECOND)) }
    }

    pub(crate) fn epoch_s(&self) -> u64 {
        self.epoch_s
    }

    pub(crate) fn text(&self) -> &[u8; DATE_BYTES] {
        &self.text
    }
}

fn render(epoch_s: u64) -> [u8; DATE_BYTES] {
    const WEEKDAYS: &[u8; 21] = b"ThuFriSatSunMonTueWed";
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let days = epoch_s / 86_400;
    let second_of_day = epoch_s % 86_400;
    let (year, month, day) = civil(days);
    let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    let weekday = place(days % 7) * 3;
    text[..3].copy_from_slice(&WEEKDAYS[weekday..weekday + 3]);
    put_digits(&mut text[5..7], day);
    let month = place(month - 1) * 3;
    text[8..11].copy_from_slice(&MONTHS[month..month + 3]);
    put_digits(&mut text[12..16], year);
    put_digits(&mut text[17..19], second_of_day / 3600);
    put_digits(&mut text[20..22], second_of_day / 60 % 60);
    put_digits(&mut text[23..25], second_of_day % 60);
    text
}

fn place(small: u64) -> usize {
    usize::try_from(small).expect("a weekday or a month")
}

fn put_digits(field: &mut [u8], mut number: u64) {
    for byte in field.iter_mut().rev() {
        *byte = b'0' + u8::try_from(number % 10).expect("one digit");
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let check = |epoch_s: u64, expect: &str| {
            assert_eq!(std::str::from_utf8(HttpDate::new(epoch_s).text()), Ok(expect), "{epoch_s}");
        };
        check(0, "Thu, 01 Jan 1970 00:00:00 GMT");
        check(784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT");
        check(951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT");
        check(951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT");
        check(951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT");
        check(1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT");
        check(4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT");
        check(253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT");
        check(u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}

//! The `Date` header, rendered once a second.
//!
//! The clock is the caller's: this file only turns seconds into text.

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
        const LAST_SECOND: u64 = 253_402_300_799;
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

/// Year, month and day of the month of a day since 1970 began: years are counted from March, so that the leap day is
/// a year's last.
fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let days = days + 719_468; // from 1 March of year 0
    let era = days / DAYS_OF_400_YEARS;
    let day_of_era = days % DAYS_OF_400_YEARS;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
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

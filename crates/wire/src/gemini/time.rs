//! Points in time as Google writes them: RFC 3339 in UTC, such as `2025-08-19T14:55:12.290295Z`.

/// Unix seconds.
pub(super) fn read(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, between: char| -> Option<[i64; 3]> {
        let mut numbers = text.split(between).map(|number| number.parse::<u32>().ok().map(i64::from));
        Some([numbers.next()??, numbers.next()??, numbers.next()??])
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time.split('.').next()?, ':')?;
    let valid = (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    (valid && hour < 24 && minute < 60 && second < 61)
        .then(|| days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar, its years counted from March so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469
}

/// The text of Unix seconds; none before 1970.
pub(super) fn write(seconds: i64) -> Option<String> {
    if !(0..253_402_300_800).contains(&seconds) {
        return None;
    }
    let (day, rest) = (seconds / 86_400, seconds % 86_400);
    // A guess that is never too early.
    let mut year = 1970 + day / 365;
    while days(year, 1, 1) > day {
        year -= 1;
    }
    let mut month = 12;
    while days(year, month, 1) > day {
        month -= 1;
    }
    let date = day - days(year, month, 1) + 1;
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    Some(format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2025-08-19T14:55:12Z", 1_755_615_312),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!((read(text), write(seconds).as_deref()), (Some(seconds), Some(text)));
        }
        assert_eq!(read("2025-08-19T14:55:12.290295Z"), Some(1_755_615_312));
        for bad in [
            "",
            "Z",
            "TZ",
            "2025-13-01T00:00:00Z",
            "2025-01-01",
            "-1-01-01T00:00:00Z",
            "2025-01-01T99:00:00Z",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!((write(-1), write(i64::MAX)), (None, None));
    }
}

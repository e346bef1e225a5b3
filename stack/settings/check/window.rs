//! Time windows in UTC, as RDS writes them.

const DAY: u32 = 24 * 60;
const WEEK: u32 = 7 * DAY;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A span of minutes; it may extend past the end of its day or week.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Window {
    start: u32,
    minutes: u32,
}

impl Window {
    /// Reads `hh:mm-hh:mm`, a window of each day.
    pub(super) fn daily(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let (from, to) = (time(from)?, time(to)?);
        Some(Self { start: from, minutes: (to + DAY - from) % DAY })
    }

    /// Reads `ddd:hh:mm-ddd:hh:mm`, a window of each week.
    pub(super) fn weekly(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let (from, to) = (day_and_time(from)?, day_and_time(to)?);
        Some(Self { start: from, minutes: (to + WEEK - from) % WEEK })
    }

    /// Gives the length in minutes.
    pub(super) const fn minutes(self) -> u32 {
        self.minutes
    }

    /// Returns whether this weekly window and a daily one share a minute.
    pub(super) fn meets_daily(self, daily: Self) -> bool {
        // The day before the first covers a daily window that extends past midnight into Monday.
        (0..=7).any(|day| {
            let start = (daily.start + day * DAY + WEEK - DAY) % WEEK;
            let after = |from: u32, to: u32| (to + WEEK - from) % WEEK;
            after(self.start, start) < self.minutes || after(start, self.start) < daily.minutes
        })
    }
}

fn time(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |part: &str| {
        if part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()) { part.parse::<u32>().ok() } else { None }
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

fn day_and_time(text: &str) -> Option<u32> {
    let (day, rest) = text.split_once(':')?;
    let day = DAYS.iter().position(|name| name.eq_ignore_ascii_case(day))?;
    Some(u32::try_from(day).ok()? * DAY + time(rest)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn windows_are_read_and_measured() {
        assert_eq!(Window::daily("06:00-07:00").unwrap().minutes(), 60);
        assert_eq!(Window::daily("23:30-00:15").unwrap().minutes(), 45);
        assert_eq!(Window::weekly("sun:23:30-mon:00:30").unwrap().minutes(), 60);
        for bad in
            ["", "6:00-7:00", "06:00", "24:00-01:00", "06:60-07:00", "06:00-07:00-08:00", "+6:00-07:00", "aa:bb-cc:dd"]
        {
            assert_eq!(Window::daily(bad), None, "{bad}");
        }
        for bad in ["sun:07:30", "son:07:30-sun:08:30", "06:00-07:00"] {
            assert_eq!(Window::weekly(bad), None, "{bad}");
        }
    }

    /// The overlap by arithmetic agrees with counting minutes.
    #[test]
    fn overlap_agrees_with_counting() {
        let minutes = |window: Window, starts: &[u32]| -> std::collections::BTreeSet<u32> {
            starts.iter().flat_map(|start| (0..window.minutes).map(move |m| (start + m) % WEEK)).collect()
        };
        for daily in ["00:00-00:30", "06:00-07:00", "23:30-00:30", "12:00-11:00"] {
            let daily = Window::daily(daily).unwrap();
            let each_day: Vec<u32> = (0..7).map(|day| day * DAY + daily.start).collect();
            for weekly in [
                "mon:00:00-mon:00:30",
                "sun:23:45-mon:00:15",
                "sun:07:00-sun:08:00",
                "wed:05:30-wed:06:00",
                "fri:10:00-sat:10:00",
            ] {
                let weekly = Window::weekly(weekly).unwrap();
                let counted = !minutes(daily, &each_day).is_disjoint(&minutes(weekly, &[weekly.start]));
                assert_eq!(weekly.meets_daily(daily), counted, "{daily:?} {weekly:?}");
            }
        }
    }
}

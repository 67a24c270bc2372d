//! Times that come again: which days, at which hour or with the sun. In the house's time zone; when
//! the next one is, `automation` computes.

/// When something happens again and again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rhythm {
    /// On these days, when the clock on the wall shows this.
    Clock {
        /// On which days.
        days: Days,
        /// 0–23.
        hour: u8,
        /// 0–59.
        minute: u8,
    },
    /// On these days, with the sun.
    Sun {
        /// On which days.
        days: Days,
        /// At sunrise; else sunset.
        is_rise: bool,
        /// Seconds after it, or before if negative.
        offset_s: f64,
    },
    /// Each time that so many seconds have passed.
    Each {
        /// More than 0.
        seconds: f64,
    },
}

/// Days of the week. There is always at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    /// Every day.
    pub const DAILY: Days = Days(0b111_1111);
    /// Monday to Friday.
    pub const WEEKDAYS: Days = Days(0b001_1111);
    /// Saturday and Sunday.
    pub const WEEKEND: Days = Days(0b110_0000);

    /// One day: 0 is Monday; what is beyond Sunday begins a week anew.
    pub fn one(day: u8) -> Days {
        Days(1 << (day % 7))
    }

    /// The days of a set as [`Days::bits`] has it; `None` if none is in it.
    pub fn from_bits(bits: u8) -> Option<Days> {
        Some(Days(bits & Days::DAILY.0)).filter(|days| days.0 != 0)
    }

    /// A bit for each day, the lowest for Monday.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// These and those.
    #[must_use]
    pub fn and(self, more: Days) -> Days {
        Days(self.0 | more.0)
    }

    /// Whether a day is one of them: 0 is Monday.
    pub fn has(self, day: u8) -> bool {
        day < 7 && self.0 & (1 << day) != 0
    }

    /// The days in their order, Monday first as 0.
    pub fn each(self) -> impl Iterator<Item = u8> {
        (0..7).filter(move |day| self.has(*day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_a_set() {
        let days = Days::one(0).and(Days::one(3));
        assert_eq!(days.each().collect::<Vec<_>>(), [0, 3]);
        assert_eq!(Days::WEEKDAYS.and(Days::WEEKEND), Days::DAILY);
        for bits in 0..=u8::MAX {
            let days = Days::from_bits(bits);
            assert_eq!(days.is_none(), bits & 0x7f == 0);
            assert!(days.is_none_or(|days| days.bits() == bits & 0x7f && days.each().count() > 0));
        }
        assert!(!Days::DAILY.has(7));
    }
}

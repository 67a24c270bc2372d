//! Sunrise and sunset at a place, to about a minute, with refraction and the size of the sun's disc
//! (its upper rim is on the horizon when its center is 0.833° below it).
//! Not mountains, and not when a room gets dark.

use jiff::Timestamp;
use jiff::civil::Date;

/// A place on Earth, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// North is positive.
    pub latitude: f64,
    /// East is positive.
    pub longitude: f64,
}

/// Days from noon of 2000-01-01 UTC to the Unix epoch.
const EPOCH: f64 = -10_957.5;
/// Days of a Julian century.
const CENTURY: f64 = 36_525.0;

/// The sunrise or sunset that belongs to this day of the place; `None` where the sun does not rise
/// or set on it.
pub fn moment(date: Date, place: Place, is_rise: bool) -> Option<Timestamp> {
    let epoch = Date::constant(1970, 1, 1);
    let midnight = f64::from(date.since(epoch).ok()?.get_days());
    // Days since the Unix epoch; first at noon of the sun, then nearer twice.
    let mut at = midnight + 0.5 - place.longitude / 360.0;
    for _ in 0..3 {
        let (declination, equation_of_time) = sun_at(at);
        let latitude = place.latitude.to_radians();
        let horizon = (-0.833_f64).to_radians();
        let cos_hour_angle = (horizon.sin() - latitude.sin() * declination.sin())
            / (latitude.cos() * declination.cos());
        if !(-1.0..=1.0).contains(&cos_hour_angle) {
            return None;
        }
        let half_day = cos_hour_angle.acos().to_degrees() / 360.0;
        let noon = midnight + 0.5 - place.longitude / 360.0 - equation_of_time;
        at = if is_rise { noon - half_day } else { noon + half_day };
    }
    Timestamp::from_second((at * 86_400.0).round() as i64).ok()
}

/// How high the center of the sun stands above the horizon, in degrees, without refraction; to
/// about a tenth of a degree.
pub fn elevation(at: Timestamp, place: Place) -> f64 {
    let days = at.as_second() as f64 / 86_400.0;
    let (declination, equation_of_time) = sun_at(days);
    let day = days + place.longitude / 360.0 + equation_of_time - 0.5;
    let hour_angle = day.rem_euclid(1.0) * std::f64::consts::TAU;
    let latitude = place.latitude.to_radians();
    let sine =
        latitude.sin() * declination.sin() + latitude.cos() * declination.cos() * hour_angle.cos();
    sine.clamp(-1.0, 1.0).asin().to_degrees()
}

/// The sun's declination in radians, and by how many days a sundial is ahead of a clock; with the
/// coefficients of J. Meeus, "Astronomical Algorithms", chapters 25 and 28.
fn sun_at(days: f64) -> (f64, f64) {
    let t = (days + EPOCH) / CENTURY;
    let mean_longitude = (280.466_46 + t * (36_000.769_83 + t * 0.000_303_2)).to_radians();
    let anomaly = (357.529_11 + t * (35_999.050_29 - t * 0.000_153_7)).to_radians();
    let eccentricity = 0.016_708_634 - t * (0.000_042_037 + t * 0.000_000_126_7);
    let center = (1.914_602 - t * (0.004_817 + t * 0.000_014)) * anomaly.sin()
        + (0.019_993 - t * 0.000_101) * (2.0 * anomaly).sin()
        + 0.000_289 * (3.0 * anomaly).sin();
    let node = (125.04 - 1_934.136 * t).to_radians();
    let longitude = mean_longitude + (center - 0.005_69 - 0.004_78 * node.sin()).to_radians();
    let obliquity = (23.439_291 - 0.013_004_2 * t + 0.002_56 * node.cos()).to_radians();
    let declination = (obliquity.sin() * longitude.sin()).asin();
    let y = (obliquity / 2.0).tan().powi(2);
    let equation_of_time = y * (2.0 * mean_longitude).sin() - 2.0 * eccentricity * anomaly.sin()
        + 4.0 * eccentricity * y * anomaly.sin() * (2.0 * mean_longitude).cos()
        - 0.5 * y * y * (4.0 * mean_longitude).sin()
        - 1.25 * eccentricity * eccentricity * (2.0 * anomaly).sin();
    (declination, equation_of_time.to_degrees() / 360.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sun_rises_and_sets_when_almanacs_say() {
        let (paris, new_york) = ((48.8566, 2.3522), (40.7128, -74.006));
        let (sydney, tromso) = ((-33.8688, 151.2093), (69.6492, 18.9553));
        // As the Python library astral 3.2 has them.
        let cases = [
            (paris, "2026-11-22", Some("2026-11-22T07:10:21Z"), Some("2026-11-22T16:02:34Z")),
            (paris, "2026-06-21", Some("2026-06-21T03:47:16Z"), Some("2026-06-21T19:57:32Z")),
            (new_york, "2026-03-20", Some("2026-03-20T10:59:30Z"), Some("2026-03-20T23:07:57Z")),
            (sydney, "2026-12-22", Some("2026-12-21T18:41:22Z"), Some("2026-12-22T09:05:40Z")),
            (tromso, "2026-06-21", None, None),
        ];
        for ((latitude, longitude), date, rise, set) in cases {
            let place = Place { latitude, longitude };
            for (is_rise, expected) in [(true, rise), (false, set)] {
                let found = moment(date.parse().unwrap(), place, is_rise);
                match (found, expected) {
                    (None, None) => {}
                    (Some(found), Some(expected)) => {
                        let expected: Timestamp = expected.parse().unwrap();
                        let off = (found.as_second() - expected.as_second()).abs();
                        assert!(off <= 60, "{date} {is_rise}: {found}, not {expected}");
                    }
                    other => panic!("{date} {is_rise}: {other:?}"),
                }
            }
        }
    }
}

//! Places to pick from: cities with their degrees, and the names of time zones. Nothing is looked up outside.

use std::fmt::Write as _;

use super::shell::Text;

/// Cities from which a place can be picked, with their degrees: one is enough for the sun, whose times differ by four
/// minutes for each degree.
const CITIES: &[(&str, f64, f64)] = &[
    ("Amsterdam", 52.37, 4.90),
    ("Athina", 37.98, 23.73),
    ("Auckland", -36.85, 174.76),
    ("Barcelona", 41.39, 2.17),
    ("Beijing", 39.90, 116.41),
    ("Berlin", 52.52, 13.41),
    ("Bern", 46.95, 7.45),
    ("Bordeaux", 44.84, -0.58),
    ("Brest", 48.39, -4.49),
    ("Bruxelles", 50.85, 4.35),
    ("București", 44.43, 26.10),
    ("Budapest", 47.50, 19.04),
    ("Buenos Aires", -34.60, -58.38),
    ("Cairo", 30.04, 31.24),
    ("Cape Town", -33.92, 18.42),
    ("Chicago", 41.88, -87.63),
    ("Dakar", 14.72, -17.47),
    ("Delhi", 28.61, 77.21),
    ("Denver", 39.74, -104.99),
    ("Dublin", 53.35, -6.26),
    ("Genève", 46.20, 6.14),
    ("Hamburg", 53.55, 9.99),
    ("Helsinki", 60.17, 24.94),
    ("Istanbul", 41.01, 28.98),
    ("København", 55.68, 12.57),
    ("Köln", 50.94, 6.96),
    ("Kyiv", 50.45, 30.52),
    ("Lille", 50.63, 3.06),
    ("Lisboa", 38.72, -9.14),
    ("London", 51.51, -0.13),
    ("Los Angeles", 34.05, -118.24),
    ("Lyon", 45.76, 4.84),
    ("Madrid", 40.42, -3.70),
    ("Manchester", 53.48, -2.24),
    ("Marseille", 43.30, 5.37),
    ("Melbourne", -37.81, 144.96),
    ("Mexico", 19.43, -99.13),
    ("Milano", 45.46, 9.19),
    ("Montréal", 45.50, -73.57),
    ("Mumbai", 19.08, 72.88),
    ("München", 48.14, 11.58),
    ("Nairobi", -1.29, 36.82),
    ("Nantes", 47.22, -1.55),
    ("New York", 40.71, -74.01),
    ("Nice", 43.70, 7.27),
    ("Oslo", 59.91, 10.75),
    ("Paris", 48.86, 2.35),
    ("Porto", 41.15, -8.61),
    ("Praha", 50.08, 14.44),
    ("Rennes", 48.12, -1.68),
    ("Roma", 41.90, 12.50),
    ("Saint-Denis", -20.88, 55.45),
    ("San Francisco", 37.77, -122.42),
    ("São Paulo", -23.55, -46.63),
    ("Seoul", 37.57, 126.98),
    ("Singapore", 1.35, 103.82),
    ("Stockholm", 59.33, 18.07),
    ("Strasbourg", 48.57, 7.75),
    ("Sydney", -33.87, 151.21),
    ("Tokyo", 35.68, 139.69),
    ("Toronto", 43.65, -79.38),
    ("Toulouse", 43.60, 1.44),
    ("Vancouver", 49.28, -123.12),
    ("Warszawa", 52.23, 21.01),
    ("Wien", 48.21, 16.37),
    ("Zürich", 47.38, 8.54),
];

/// The cities as options of a list.
pub(super) fn cities(out: &mut String) {
    for (name, latitude, longitude) in CITIES {
        // Writing to a text cannot fail.
        let _ = writeln!(out, "<option value=\"{latitude} {longitude}\">{}</option>", Text(name));
    }
}

/// The time zones that the system knows, as options of a list: those with a place in their name, and UTC.
pub(super) fn zones(out: &mut String) {
    let mut names: Vec<String> =
        jiff::tz::db().available().map(|zone| zone.as_str().to_owned()).collect();
    names.sort();
    let has_place = |name: &str| {
        name == "UTC" || name.split_once('/').is_some_and(|(area, _)| AREAS.contains(&area))
    };
    for name in names.iter().filter(|name| has_place(name)) {
        let shown = name.replace('_', " ");
        let _ = writeln!(out, "<option value=\"{}\">{}</option>", Text(name), Text(&shown));
    }
}

/// The first part of the names of zones that are places; the others are old names and fixed offsets.
const AREAS: &[&str] = &[
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cities_are_where_people_live_and_zones_are_known() {
        for (name, latitude, longitude) in CITIES {
            assert!(latitude.abs() < 66.0 && longitude.abs() <= 180.0, "{name}");
        }
        let mut out = String::new();
        zones(&mut out);
        for zone in ["Europe/Paris", "America/New_York", "UTC"] {
            assert!(out.contains(&format!("value=\"{zone}\"")), "{zone}");
        }
        assert!(!out.contains("Etc/"));
    }
}

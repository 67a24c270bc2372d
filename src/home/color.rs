//! Colour mathematics: hue and saturation, RGB, CIE xy, RGB with white channels and colour
//! temperature, each into the others. Knows no light.
//!
//! Every rounding is Home Assistant's (`homeassistant/util/color.py`, 2025.4 to 2026.11 alike),
//! because automations and panels compare its numbers: round half to even, RGB channels cut or
//! rounded as named at each function, angles to three decimals.

/// Hue in degrees (0 to 360) and saturation in percent (0 to 100).
pub type Hs = [f64; 2];
/// CIE 1931 chromaticity.
pub type Xy = [f64; 2];
/// Red, green, blue, each 0 to 255.
pub type Rgb = [u8; 3];
/// Red, green, blue, white.
pub type Rgbw = [u8; 4];
/// Red, green, blue, cold white, warm white.
pub type Rgbww = [u8; 5];

/// Rounds to three decimals as Python's `round(value, 3)` does: the exact binary value decides, a
/// tie goes to the even digit.
pub fn round3(value: f64) -> f64 {
    round_to(value, 3)
}

/// Rounds to so many decimals, as [`round3`].
pub fn round_to(value: f64, decimals: usize) -> f64 {
    format!("{value:.decimals$}").parse().unwrap_or(value)
}

/// The nearest channel value, a tie to the even one.
fn channel(value: f64) -> u8 {
    value.round_ties_even().clamp(0.0, 255.0) as u8
}

/// The channel value below.
fn channel_below(value: f64) -> u8 {
    value.clamp(0.0, 255.0) as u8
}

/// Mired of a colour temperature in kelvin, cut to a whole number; 0 has none.
pub fn mired(kelvin: u32) -> Option<u32> {
    (kelvin > 0).then(|| 1_000_000 / kelvin)
}

/// Kelvin of a colour temperature in mired, cut to a whole number; 0 or less has none.
pub fn kelvin(mired: f64) -> Option<u32> {
    (mired > 0.0).then(|| (1_000_000.0 / mired).floor() as u32)
}

/// Hue and saturation of an RGB colour (the channels may have fractions), to three decimals.
pub fn rgb_to_hs(rgb: [f64; 3]) -> Hs {
    let [r, g, b] = rgb.map(|channel| channel / 255.0);
    let (highest, lowest) = (r.max(g).max(b), r.min(g).min(b));
    if highest == lowest {
        return [0.0, 0.0];
    }
    let range = highest - lowest;
    let [r_away, g_away, b_away] = [r, g, b].map(|channel| (highest - channel) / range);
    let sixths = if r == highest {
        b_away - g_away
    } else if g == highest {
        2.0 + r_away - b_away
    } else {
        4.0 + g_away - r_away
    };
    let turn = (sixths / 6.0).rem_euclid(1.0);
    [round3(turn * 360.0), round3(range / highest * 100.0)]
}

/// RGB of hue, saturation and value (percent); channels rounded.
pub fn hsv_to_rgb(hs: Hs, value: f64) -> Rgb {
    let (turn, saturation, value) = (hs[0] / 360.0, hs[1] / 100.0, value / 100.0);
    if saturation == 0.0 {
        return [channel(value * 255.0); 3];
    }
    let sector = (turn * 6.0).trunc();
    let within = turn * 6.0 - sector;
    let low = value * (1.0 - saturation);
    let falling = value * (1.0 - saturation * within);
    let rising = value * (1.0 - saturation * (1.0 - within));
    let rgb = match sector.rem_euclid(6.0) as u8 {
        0 => [value, rising, low],
        1 => [falling, value, low],
        2 => [low, value, rising],
        3 => [low, falling, value],
        4 => [rising, low, value],
        _ => [value, low, falling],
    };
    rgb.map(|part| channel(part * 255.0))
}

/// RGB of hue and saturation at full value.
pub fn hs_to_rgb(hs: Hs) -> Rgb {
    hsv_to_rgb(hs, 100.0)
}

/// Chromaticity of an RGB colour, to three decimals; black is (0, 0).
///
/// Philips' "RGB to xy color conversion" application note, wide RGB D65.
pub fn rgb_to_xy(rgb: Rgb) -> Xy {
    if rgb == [0, 0, 0] {
        return [0.0, 0.0];
    }
    let [r, g, b] = rgb.map(|channel| {
        let part = f64::from(channel) / 255.0;
        if part > 0.04045 { ((part + 0.055) / (1.0 + 0.055)).powf(2.4) } else { part / 12.92 }
    });
    let x = r * 0.664511 + g * 0.154324 + b * 0.162028;
    let y = r * 0.283881 + g * 0.668433 + b * 0.047685;
    let z = r * 0.000088 + g * 0.072310 + b * 0.986039;
    let sum = x + y + z;
    [round3(x / sum), round3(y / sum)]
}

/// RGB of a chromaticity at full brightness; channels cut.
///
/// The reverse of [`rgb_to_xy`]; what lies outside of RGB is brought to its edge.
pub fn xy_to_rgb(xy: Xy) -> Rgb {
    let [vx, vy] = xy;
    let vy = if vy == 0.0 { 0.00000000001 } else { vy };
    let y = 1.0;
    let x = (y / vy) * vx;
    let z = (y / vy) * (1.0 - vx - vy);
    let linear = [
        x * 1.656492 - y * 0.354851 - z * 0.255038,
        -x * 0.707196 + y * 1.655397 + z * 0.036152,
        x * 0.051713 - y * 0.121364 + z * 1.011530,
    ];
    let rgb = linear.map(|part| {
        let part = if part <= 0.0031308 {
            12.92 * part
        } else {
            (1.0 + 0.055) * part.powf(1.0 / 2.4) - 0.055
        };
        part.max(0.0)
    });
    let highest = rgb.into_iter().fold(0.0, f64::max);
    let scale = if highest > 1.0 { highest } else { 1.0 };
    rgb.map(|part| channel_below(part / scale * 255.0))
}

/// Chromaticity of hue and saturation.
pub fn hs_to_xy(hs: Hs) -> Xy {
    rgb_to_xy(hs_to_rgb(hs))
}

/// Hue and saturation of a chromaticity.
pub fn xy_to_hs(xy: Xy) -> Hs {
    rgb_to_hs(xy_to_rgb(xy).map(f64::from))
}

/// Scales the output so that its highest channel is as high as the input's highest.
fn match_highest<const N: usize>(input: &[u8], output: [f64; N]) -> [u8; N] {
    let highest_in = f64::from(input.iter().copied().max().unwrap_or(0));
    let highest_out = output.into_iter().fold(f64::MIN, f64::max);
    let factor = if highest_out == 0.0 { 0.0 } else { highest_in / highest_out };
    output.map(|part| channel(part * factor))
}

/// RGBW of RGB: the white that all three share goes to the white channel, at full channel range.
pub fn rgb_to_rgbw(rgb: Rgb) -> Rgbw {
    let white = rgb[0].min(rgb[1]).min(rgb[2]);
    let [r, g, b] = rgb.map(|channel| f64::from(channel - white));
    match_highest(&rgb, [r, g, b, f64::from(white)])
}

/// RGB of RGBW, scaled so that no channel overflows.
pub fn rgbw_to_rgb(rgbw: Rgbw) -> Rgb {
    let [r, g, b, white] = rgbw.map(f64::from);
    match_highest(&rgbw, [r + white, g + white, b + white])
}

/// The span of a light's white channels, in mired.
fn mired_span(min_kelvin: u32, max_kelvin: u32) -> (f64, f64) {
    let coldest = f64::from(mired(max_kelvin).unwrap_or(0));
    let warmest = f64::from(mired(min_kelvin).unwrap_or(0));
    (coldest, warmest - coldest)
}

/// RGBWW of RGB for a light whose white channels have these two temperatures.
pub fn rgb_to_rgbww(rgb: Rgb, min_kelvin: u32, max_kelvin: u32) -> Rgbww {
    let (coldest, span) = mired_span(min_kelvin, max_kelvin);
    let middle = kelvin(coldest + span / 2.0).unwrap_or(0);
    let white = kelvin_to_rgb(f64::from(middle));
    let input = rgb.map(f64::from);
    let share = |at: usize| if white[at] == 0.0 { 0.0 } else { input[at] / white[at] };
    let level = share(0).min(share(1)).min(share(2));
    let rest = |at: usize| input[at] - white[at] * level;
    let white_channel = (level * 255.0).round_ties_even();
    match_highest(&rgb, [rest(0), rest(1), rest(2), white_channel, white_channel])
}

/// RGB of RGBWW for a light whose white channels have these two temperatures.
pub fn rgbww_to_rgb(rgbww: Rgbww, min_kelvin: u32, max_kelvin: u32) -> Rgb {
    let (coldest, span) = mired_span(min_kelvin, max_kelvin);
    let [r, g, b, cold, warm] = rgbww.map(f64::from);
    let warm_share = if cold + warm == 0.0 { 0.5 } else { warm / (cold + warm) };
    let temperature = kelvin(coldest + warm_share * span).unwrap_or(0);
    let white = kelvin_to_rgb(f64::from(temperature));
    let level = cold.max(warm) / 255.0;
    let sum = [r + white[0] * level, g + white[1] * level, b + white[2] * level];
    match_highest(&rgbww, sum)
}

/// White channels for a colour temperature at a brightness (0 to 255).
pub fn kelvin_to_rgbww(
    temperature: u32,
    brightness: u8,
    min_kelvin: u32,
    max_kelvin: u32,
) -> Rgbww {
    let (coldest, span) = mired_span(min_kelvin, max_kelvin);
    let wished = f64::from(mired(temperature).unwrap_or(0));
    let brightness = f64::from(brightness);
    let cold_share = if span == 0.0 { 0.5 } else { (coldest + span - wished) / span };
    let cold = cold_share * brightness;
    [0, 0, 0, channel(cold), channel(brightness - cold)]
}

/// Hue and saturation of a colour temperature.
pub fn kelvin_to_hs(kelvin: u32) -> Hs {
    rgb_to_hs(kelvin_to_rgb(f64::from(kelvin)))
}

/// RGB of a colour temperature between 1,000 and 40,000 K; channels keep their fractions.
///
/// Tanner Helland's approximation (<https://tannerhelland.com/2012/09/18/convert-temperature-rgb-algorithm-code.html>).
pub fn kelvin_to_rgb(kelvin: f64) -> [f64; 3] {
    let hundreds = kelvin.clamp(1000.0, 40000.0) / 100.0;
    let red = if hundreds <= 66.0 {
        255.0
    } else {
        329.698727446 * (hundreds - 60.0).powf(-0.1332047592)
    };
    let green = if hundreds <= 66.0 {
        99.4708025861 * hundreds.ln() - 161.1195681661
    } else {
        288.1221695283 * (hundreds - 60.0).powf(-0.0755148492)
    };
    let blue = if hundreds >= 66.0 {
        255.0
    } else if hundreds <= 19.0 {
        0.0
    } else {
        138.5177312231 * (hundreds - 10.0).ln() - 305.0447927307
    };
    [red, green, blue].map(|channel| channel.clamp(0.0, 255.0))
}

/// Colour temperature nearest to a chromaticity, cut to whole kelvin, at least 1.
///
/// McCamy's approximation (<https://doi.org/10.1002/col.5080170211>), good between 2,000 and
/// 10,000 K.
pub fn xy_to_kelvin(xy: Xy) -> u32 {
    let n = (xy[0] - 0.3320) / (0.1858 - xy[1]);
    let temperature = 437.0 * n.powf(3.0) + 3601.0 * n.powf(2.0) + 6861.0 * n + 5517.0;
    (temperature as u32).max(1)
}

/// RGB of a CSS colour name; blanks and case do not matter ("Dark Sea Green").
pub fn named(name: &str) -> Option<Rgb> {
    let name: String =
        name.chars().filter(|c| *c != ' ').flat_map(char::to_lowercase).take(32).collect();
    let at = NAMES.binary_search_by_key(&&*name, |(known, _)| known).ok()?;
    let [_, r, g, b] = NAMES.get(at)?.1.to_be_bytes();
    Some([r, g, b])
}

/// The colour names of CSS (<https://www.w3.org/TR/css-color-3/#svg-color>), in alphabetical order.
pub const NAMES: &[(&str, u32)] = &[
    ("aliceblue", 0xf0f8ff),
    ("antiquewhite", 0xfaebd7),
    ("aqua", 0x00ffff),
    ("aquamarine", 0x7fffd4),
    ("azure", 0xf0ffff),
    ("beige", 0xf5f5dc),
    ("bisque", 0xffe4c4),
    ("black", 0x000000),
    ("blanchedalmond", 0xffebcd),
    ("blue", 0x0000ff),
    ("blueviolet", 0x8a2be2),
    ("brown", 0xa52a2a),
    ("burlywood", 0xdeb887),
    ("cadetblue", 0x5f9ea0),
    ("chartreuse", 0x7fff00),
    ("chocolate", 0xd2691e),
    ("coral", 0xff7f50),
    ("cornflowerblue", 0x6495ed),
    ("cornsilk", 0xfff8dc),
    ("crimson", 0xdc143c),
    ("cyan", 0x00ffff),
    ("darkblue", 0x00008b),
    ("darkcyan", 0x008b8b),
    ("darkgoldenrod", 0xb8860b),
    ("darkgray", 0xa9a9a9),
    ("darkgreen", 0x006400),
    ("darkgrey", 0xa9a9a9),
    ("darkkhaki", 0xbdb76b),
    ("darkmagenta", 0x8b008b),
    ("darkolivegreen", 0x556b2f),
    ("darkorange", 0xff8c00),
    ("darkorchid", 0x9932cc),
    ("darkred", 0x8b0000),
    ("darksalmon", 0xe9967a),
    ("darkseagreen", 0x8fbc8f),
    ("darkslateblue", 0x483d8b),
    ("darkslategray", 0x2f4f4f),
    ("darkslategrey", 0x2f4f4f),
    ("darkturquoise", 0x00ced1),
    ("darkviolet", 0x9400d3),
    ("deeppink", 0xff1493),
    ("deepskyblue", 0x00bfff),
    ("dimgray", 0x696969),
    ("dimgrey", 0x696969),
    ("dodgerblue", 0x1e90ff),
    ("firebrick", 0xb22222),
    ("floralwhite", 0xfffaf0),
    ("forestgreen", 0x228b22),
    ("fuchsia", 0xff00ff),
    ("gainsboro", 0xdcdcdc),
    ("ghostwhite", 0xf8f8ff),
    ("gold", 0xffd700),
    ("goldenrod", 0xdaa520),
    ("gray", 0x808080),
    ("green", 0x008000),
    ("greenyellow", 0xadff2f),
    ("grey", 0x808080),
    ("honeydew", 0xf0fff0),
    ("hotpink", 0xff69b4),
    ("indianred", 0xcd5c5c),
    ("indigo", 0x4b0082),
    ("ivory", 0xfffff0),
    ("khaki", 0xf0e68c),
    ("lavender", 0xe6e6fa),
    ("lavenderblush", 0xfff0f5),
    ("lawngreen", 0x7cfc00),
    ("lemonchiffon", 0xfffacd),
    ("lightblue", 0xadd8e6),
    ("lightcoral", 0xf08080),
    ("lightcyan", 0xe0ffff),
    ("lightgoldenrodyellow", 0xfafad2),
    ("lightgray", 0xd3d3d3),
    ("lightgreen", 0x90ee90),
    ("lightgrey", 0xd3d3d3),
    ("lightpink", 0xffb6c1),
    ("lightsalmon", 0xffa07a),
    ("lightseagreen", 0x20b2aa),
    ("lightskyblue", 0x87cefa),
    ("lightslategray", 0x778899),
    ("lightslategrey", 0x778899),
    ("lightsteelblue", 0xb0c4de),
    ("lightyellow", 0xffffe0),
    ("lime", 0x00ff00),
    ("limegreen", 0x32cd32),
    ("linen", 0xfaf0e6),
    ("magenta", 0xff00ff),
    ("maroon", 0x800000),
    ("mediumaquamarine", 0x66cdaa),
    ("mediumblue", 0x0000cd),
    ("mediumorchid", 0xba55d3),
    ("mediumpurple", 0x9370db),
    ("mediumseagreen", 0x3cb371),
    ("mediumslateblue", 0x7b68ee),
    ("mediumspringgreen", 0x00fa9a),
    ("mediumturquoise", 0x48d1cc),
    ("mediumvioletred", 0xc71585),
    ("midnightblue", 0x191970),
    ("mintcream", 0xf5fffa),
    ("mistyrose", 0xffe4e1),
    ("moccasin", 0xffe4b5),
    ("navajowhite", 0xffdead),
    ("navy", 0x000080),
    ("navyblue", 0x000080),
    ("oldlace", 0xfdf5e6),
    ("olive", 0x808000),
    ("olivedrab", 0x6b8e23),
    ("orange", 0xffa500),
    ("orangered", 0xff4500),
    ("orchid", 0xda70d6),
    ("palegoldenrod", 0xeee8aa),
    ("palegreen", 0x98fb98),
    ("paleturquoise", 0xafeeee),
    ("palevioletred", 0xdb7093),
    ("papayawhip", 0xffefd5),
    ("peachpuff", 0xffdab9),
    ("peru", 0xcd853f),
    ("pink", 0xffc0cb),
    ("plum", 0xdda0dd),
    ("powderblue", 0xb0e0e6),
    ("purple", 0x800080),
    ("red", 0xff0000),
    ("rosybrown", 0xbc8f8f),
    ("royalblue", 0x4169e1),
    ("saddlebrown", 0x8b4513),
    ("salmon", 0xfa8072),
    ("sandybrown", 0xf4a460),
    ("seagreen", 0x2e8b57),
    ("seashell", 0xfff5ee),
    ("sienna", 0xa0522d),
    ("silver", 0xc0c0c0),
    ("skyblue", 0x87ceeb),
    ("slateblue", 0x6a5acd),
    ("slategray", 0x708090),
    ("slategrey", 0x708090),
    ("snow", 0xfffafa),
    ("springgreen", 0x00ff7f),
    ("steelblue", 0x4682b4),
    ("tan", 0xd2b48c),
    ("teal", 0x008080),
    ("thistle", 0xd8bfd8),
    ("tomato", 0xff6347),
    ("turquoise", 0x40e0d0),
    ("violet", 0xee82ee),
    ("wheat", 0xf5deb3),
    ("white", 0xffffff),
    ("whitesmoke", 0xf5f5f5),
    ("yellow", 0xffff00),
    ("yellowgreen", 0x9acd32),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whatever_their_spelling() {
        assert!(NAMES.is_sorted_by_key(|(name, _)| name));
        assert_eq!(named("red"), Some([255, 0, 0]));
        assert_eq!(named("Dark Sea Green"), Some([143, 188, 143]));
        assert_eq!(named("no colour"), None);
    }

    /// What Home Assistant's own functions answer.
    #[test]
    fn conversions_are_home_assistants() {
        for (input, expected) in [
            ([255.0, 128.0, 0.0], [30.118, 100.0]),
            ([10.0, 200.0, 30.0], [126.316, 95.0]),
            ([1.0, 2.0, 3.0], [210.0, 66.667]),
            ([0.0, 0.0, 0.0], [0.0, 0.0]),
            ([255.0, 255.0, 255.0], [0.0, 0.0]),
            ([61.0, 255.0, 97.0], [131.134, 76.078]),
            ([200.0, 200.0, 199.0], [60.0, 0.5]),
            ([0.0, 0.0, 255.0], [240.0, 100.0]),
        ] {
            assert_eq!(rgb_to_hs(input), expected);
        }
        for (input, expected) in [
            ([255, 128, 0], [0.611, 0.375]),
            ([10, 200, 30], [0.174, 0.724]),
            ([1, 2, 3], [0.231, 0.279]),
            ([0, 0, 0], [0.0, 0.0]),
            ([255, 255, 255], [0.323, 0.329]),
            ([61, 255, 97], [0.189, 0.635]),
            ([200, 200, 199], [0.324, 0.33]),
            ([0, 0, 255], [0.136, 0.04]),
        ] {
            assert_eq!(rgb_to_xy(input), expected);
        }
        for (input, expected) in [
            ([131.0, 76.0], [61, 255, 97]),
            ([200.0, 50.0], [128, 212, 255]),
            ([30.118, 100.0], [255, 128, 0]),
            ([360.0, 100.0], [255, 0, 0]),
            ([0.0, 0.0], [255, 255, 255]),
            ([299.999, 33.333], [255, 170, 255]),
            ([59.5, 1.0], [255, 255, 252]),
        ] {
            assert_eq!(hs_to_rgb(input), expected);
        }
        for (input, expected) in [
            ([131.0, 76.0], [0.189, 0.635]),
            ([200.0, 50.0], [0.205, 0.276]),
            ([30.118, 100.0], [0.611, 0.375]),
            ([360.0, 100.0], [0.701, 0.299]),
            ([0.0, 0.0], [0.323, 0.329]),
            ([299.999, 33.333], [0.355, 0.24]),
            ([59.5, 1.0], [0.325, 0.332]),
        ] {
            assert_eq!(hs_to_xy(input), expected);
        }
        for (input, expected) in [
            ([0.3, 0.3], [225, 228, 255]),
            ([0.4231, 0.2631], [255, 145, 201]),
            ([0.6273, 0.3038], [255, 77, 79]),
            ([0.2, 0.0], [117, 0, 255]),
            ([0.7, 0.3], [255, 9, 0]),
            ([0.15, 0.06], [57, 53, 255]),
            ([0.33, 0.34], [255, 254, 244]),
        ] {
            assert_eq!(xy_to_rgb(input), expected);
        }
        for (input, expected) in [
            ([0.3, 0.3], [234.0, 11.765]),
            ([0.4231, 0.2631], [329.455, 43.137]),
            ([0.6273, 0.3038], [359.326, 69.804]),
            ([0.2, 0.0], [267.529, 100.0]),
            ([0.7, 0.3], [2.118, 100.0]),
            ([0.15, 0.06], [241.188, 79.216]),
            ([0.33, 0.34], [54.545, 4.314]),
        ] {
            assert_eq!(xy_to_hs(input), expected);
        }
        for (input, expected) in [
            ([0.3, 0.3], 7731),
            ([0.4231, 0.2631], 1717),
            ([0.6273, 0.3038], 4050),
            ([0.2, 0.0], 2303),
            ([0.7, 0.3], 6178),
            ([0.15, 0.06], 1804),
            ([0.33, 0.34], 5606),
        ] {
            assert_eq!(xy_to_kelvin(input), expected);
        }
        for (input, expected) in [
            (1000, [15.981, 100.0]),
            (2000, [30.601, 94.547]),
            (2202, [29.79, 84.553]),
            (3000, [27.825, 56.895]),
            (3460, [27.214, 45.65]),
            (5050, [27.056, 18.568]),
            (6535, [54.768, 1.6]),
            (6600, [0.0, 0.0]),
            (6700, [294.406, 2.452]),
            (8000, [224.772, 13.249]),
            (40000, [220.341, 40.52]),
            (50000, [220.341, 40.52]),
        ] {
            assert_eq!(kelvin_to_hs(input), expected);
        }
        for (input, expected) in [
            ([255, 128, 0], [255, 128, 0, 0]),
            ([10, 200, 30], [0, 200, 21, 11]),
            ([1, 2, 3], [0, 2, 3, 2]),
            ([0, 0, 0], [0, 0, 0, 0]),
            ([255, 255, 255], [0, 0, 0, 255]),
            ([61, 255, 97], [0, 255, 47, 80]),
            ([200, 200, 199], [1, 1, 0, 200]),
            ([0, 0, 255], [0, 0, 255, 0]),
        ] {
            assert_eq!(rgb_to_rgbw(input), expected);
        }
        for (input, expected) in [
            ([255, 128, 0], [255, 128, 0, 0, 0]),
            ([10, 200, 30], [0, 200, 26, 10, 10]),
            ([1, 2, 3], [0, 2, 3, 1, 1]),
            ([0, 0, 0], [0, 0, 0, 0, 0]),
            ([255, 255, 255], [0, 76, 141, 255, 255]),
            ([61, 255, 97], [0, 255, 84, 73, 73]),
            ([200, 200, 199], [0, 59, 109, 200, 200]),
            ([0, 0, 255], [0, 0, 255, 0, 0]),
        ] {
            assert_eq!(rgb_to_rgbww(input, 2000, 6535), expected);
        }
        for (input, expected) in [
            ([255, 57, 20, 0], [255, 57, 20]),
            ([10, 20, 30, 40], [29, 34, 40]),
            ([0, 0, 0, 255], [255, 255, 255]),
            ([255, 255, 255, 255], [255, 255, 255]),
            ([0, 0, 0, 0], [0, 0, 0]),
        ] {
            assert_eq!(rgbw_to_rgb(input), expected);
        }
        for (input, expected) in [
            ([255, 57, 20, 0, 0], [255, 57, 20]),
            ([10, 20, 30, 40, 50], [50, 45, 42]),
            ([0, 0, 0, 255, 0], [255, 255, 251]),
            ([0, 0, 0, 0, 255], [255, 137, 14]),
            ([255, 255, 255, 255, 255], [255, 217, 185]),
            ([0, 0, 0, 0, 0], [0, 0, 0]),
        ] {
            assert_eq!(rgbww_to_rgb(input, 2000, 6535), expected);
        }
        for (input, expected) in [
            (2000, [0, 0, 0, 0, 200]),
            (2700, [0, 0, 0, 75, 125]),
            (4000, [0, 0, 0, 144, 56]),
            (6535, [0, 0, 0, 200, 0]),
        ] {
            assert_eq!(kelvin_to_rgbww(input, 200, 2000, 6535), expected);
        }
    }
}

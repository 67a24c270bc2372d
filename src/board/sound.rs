//! The sound cards, as ALSA's part of the kernel lists them.

use super::Board;

/// A sound card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoundCard {
    /// `0`
    pub number: u32,
    /// `seeed2micvoicec`: with it `plughw:CARD=seeed2micvoicec` is made.
    pub id: String,
    /// Whether it has microphones.
    pub hears: bool,
    /// Whether it has loudspeakers.
    pub plays: bool,
}

impl Board {
    /// The sound cards; `None` where the kernel has no sound.
    pub fn sound_cards(&self) -> Option<Vec<SoundCard>> {
        let cards = std::fs::read_to_string(self.root.join("proc/asound/cards")).ok()?;
        let streams = self.text("proc/asound/pcm");
        let has = |number: u32, kind: &str| {
            streams.lines().any(|line| {
                // `00-00: USB Audio : USB Audio : playback 1 : capture 1`
                let card = line.split('-').next().and_then(|card| card.parse::<u32>().ok());
                let mut parts = line.split(" : ").skip(2);
                card == Some(number) && parts.any(|part| part.trim_start().starts_with(kind))
            })
        };
        let card = |line: &str| {
            // ` 1 [Device         ]: USB-Audio - USB PnP Sound Device`
            let (number, rest) = line.trim_start().split_once(" [")?;
            let number = number.parse().ok()?;
            let id = rest.split(']').next()?.trim().to_owned();
            Some(SoundCard {
                number,
                id,
                hears: has(number, "capture"),
                plays: has(number, "playback"),
            })
        };
        Some(cards.lines().filter_map(card).collect())
    }
}

//! Ogg files with Opus, as messengers send voice messages. Source: RFC 7845.

use std::io::Cursor;

use ::ogg::PacketReader;
use opus_decoder::OpusDecoder;

use super::clip::{Clip, ClipError, MAX_SECONDS, RATE};

/// An Opus packet holds at most 120 ms.
const MAX_PACKET: usize = RATE as usize * 120 / 1000;
/// Samples per second by which the file counts, whatever the rate of the sound.
const COUNTED: u32 = 48_000;

/// Reads a file; stereo becomes one channel in the decoder.
pub(super) fn read(bytes: &[u8]) -> Result<Clip, ClipError> {
    let damaged = |what: &str| ClipError::Damaged(what.to_owned());
    let mut packets = PacketReader::new(Cursor::new(bytes));
    let head = packets
        .read_packet()
        .map_err(|error| ClipError::Damaged(error.to_string()))?
        .ok_or(ClipError::Empty)?;
    let head = head.data;
    if !head.starts_with(b"OpusHead") {
        return Err(ClipError::Unsupported("Ogg with something else than Opus".to_owned()));
    }
    let &[_, _, pre_low, pre_high, ..] = head.get(8..).unwrap_or_default() else {
        return Err(damaged("its head is too short"));
    };
    let mut decoder =
        OpusDecoder::new(RATE, 1).map_err(|error| ClipError::Unsupported(error.to_string()))?;
    let mut samples = Vec::new();
    let mut packet = vec![0.0; MAX_PACKET];
    // The second packet holds comments.
    let mut is_comment = true;
    // A file that is cut off is heard as far as it goes.
    while let Ok(Some(next)) = packets.read_packet() {
        if std::mem::take(&mut is_comment) {
            continue;
        }
        let Ok(n) = decoder.decode_float(&next.data, &mut packet, false) else { continue };
        samples.extend(packet.iter().take(n));
        if samples.len() > (MAX_SECONDS * RATE) as usize {
            return Err(ClipError::TooLong);
        }
    }
    // What the decoder needed to settle is not part of the sound.
    let skip = u32::from(u16::from_le_bytes([pre_low, pre_high])) * RATE / COUNTED;
    samples.drain(..samples.len().min(skip as usize));
    Clip::new(samples, RATE)
}

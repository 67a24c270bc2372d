//! Files that only who has a passphrase or a key can read, in the format of age, version 1 (age-encryption.org/v1), so that
//! `age` and `rage` open them too. One recipient each: a passphrase (scrypt), or a public key `age1…` (X25519), so that a
//! board can write what it cannot read.
//!
//! What is not here: backups, and where passphrases come from.

use std::io::{self, BufRead, Read, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use x25519_dalek::{PublicKey, StaticSecret};

/// The first line of every such file.
pub const MAGIC: &str = "age-encryption.org/v1";
const X25519: &str = "X25519";
const SCRYPT: &str = "scrypt";
/// As the format has them: what binds a key to its use.
const SCRYPT_SALT: &[u8] = b"age-encryption.org/v1/scrypt";
const X25519_INFO: &[u8] = b"age-encryption.org/v1/X25519";
/// Plain bytes of a chunk, and what a seal adds to it.
const CHUNK: usize = 64 << 10;
const TAG: usize = 16;
/// Two to this power is the work of a passphrase: 64 MB and half a second of a Pi 4.
const WORK: u8 = 16;
/// More than this is not done for somebody else's file: 1 GB.
const MOST_WORK: u8 = 20;
/// Longest line of a header, and most lines: files for many recipients are not ours.
const MOST_LINE: u64 = 512;
const MOST_LINES: usize = 64;

/// Whom a file is for.
#[derive(Clone)]
pub enum Lock {
    /// Who knows this.
    Passphrase(String),
    /// Who has the key to `age1…`.
    Recipient(PublicKey),
}

/// What opens a file.
#[derive(Clone)]
pub enum Key {
    /// The passphrase.
    Passphrase(String),
    /// `AGE-SECRET-KEY-1…`.
    Identity(StaticSecret),
}

/// Why a file is not opened, or a key is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not of this format, or damaged.
    #[error("it is no file of age's, or damaged")]
    Garbled,
    /// Another key is needed.
    #[error("it is for another key or passphrase")]
    WrongKey,
    /// The file wants a passphrase where a key was given, or the other way round.
    #[error("it opens by {0}")]
    OtherKind(&'static str),
    /// It would take more memory than this machine may have.
    #[error("its passphrase is made harder than this machine can bear")]
    TooHard,
    /// It is none.
    #[error("this is no {0}")]
    NoKey(&'static str),
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    NoRandom,
}

impl From<SealError> for io::Error {
    fn from(error: SealError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

impl Lock {
    /// The public key in this text.
    ///
    /// # Errors
    /// When it is none.
    pub fn recipient(text: &str) -> Result<Self, SealError> {
        let key = bech32(text.trim(), "age").ok_or(SealError::NoKey("public key, `age1…`"))?;
        Ok(Self::Recipient(PublicKey::from(key)))
    }
}

impl Key {
    /// The first secret key in this text, as `age-keygen` writes it: other lines are comments.
    ///
    /// # Errors
    /// When there is none.
    pub fn identity(text: &str) -> Result<Self, SealError> {
        let lines = text.lines().map(str::trim);
        let mut keys = lines.filter_map(|line| bech32(&line.to_lowercase(), "age-secret-key-"));
        let key = keys.next().ok_or(SealError::NoKey("secret key, `AGE-SECRET-KEY-1…`"))?;
        Ok(Self::Identity(StaticSecret::from(key)))
    }
}

/// Seals what is written through it. Only [`Sealer::finish`] makes a whole file of it.
pub struct Sealer<W: Write> {
    to: W,
    key: LessSafeKey,
    n_chunks: u64,
    chunk: Vec<u8>,
}

impl<W: Write> Sealer<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// Those of the writer, and where the system has no random numbers.
    pub fn new(mut to: W, lock: &Lock) -> io::Result<Self> {
        let (file_key, nonce) = (random::<16>()?, random::<16>()?);
        let header = header(lock, &file_key)?;
        writeln!(to, "{header} {}", encoded(&mac(&file_key, header.as_bytes())?))?;
        to.write_all(&nonce)?;
        let key = sealing(&derived(&file_key, &nonce, b"payload")?)?;
        Ok(Self { to, key, n_chunks: 0, chunk: Vec::with_capacity(CHUNK + TAG) })
    }

    /// Writes the rest, which says that it is the last; the writer.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush_chunk(true)?;
        Ok(self.to)
    }

    fn flush_chunk(&mut self, is_last: bool) -> io::Result<()> {
        let nonce = nonce(self.n_chunks, is_last);
        let sealed = self.key.seal_in_place_append_tag(nonce, Aad::empty(), &mut self.chunk);
        sealed.map_err(|_| SealError::Garbled)?;
        self.to.write_all(&self.chunk)?;
        self.chunk.clear();
        self.n_chunks += 1;
        Ok(())
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk waits until it is known whether it is the last.
        if self.chunk.len() == CHUNK && !bytes.is_empty() {
            self.flush_chunk(false)?;
        }
        let n = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The head of a file for this lock, up to and with the three dashes.
fn header(lock: &Lock, file_key: &[u8; 16]) -> Result<String, SealError> {
    let (stanza, wrapping) = match lock {
        Lock::Passphrase(passphrase) => {
            let salt = random::<16>()?;
            (format!("{SCRYPT} {} {WORK}", encoded(&salt)), stretched(passphrase, &salt, WORK)?)
        }
        Lock::Recipient(recipient) => {
            let secret = StaticSecret::from(random::<32>()?);
            let share = PublicKey::from(&secret);
            let wrapping = agreed(&secret, recipient, &share, recipient)?;
            (format!("{X25519} {}", encoded(share.as_bytes())), wrapping)
        }
    };
    let mut body = file_key.to_vec();
    let sealed =
        sealing(&wrapping)?.seal_in_place_append_tag(nonce(0, false), Aad::empty(), &mut body);
    sealed.map_err(|_| SealError::Garbled)?;
    Ok(format!("{MAGIC}\n-> {stanza}\n{}\n---", encoded(&body)))
}

/// Opens a file to its end, into `to`.
///
/// # Errors
/// Those of reader and writer; a [`SealError`] within where it is not to be opened. What was written by then is worth nothing.
pub fn open(from: &mut impl BufRead, key: &Key, to: &mut impl Write) -> io::Result<()> {
    let file_key = file_key(from, key)?;
    let mut nonce_of_file = [0; 16];
    from.read_exact(&mut nonce_of_file)?;
    let key = sealing(&derived(&file_key, &nonce_of_file, b"payload")?)?;
    let mut n_chunks = 0;
    loop {
        let mut chunk = Vec::with_capacity(CHUNK + TAG);
        from.by_ref().take((CHUNK + TAG) as u64).read_to_end(&mut chunk)?;
        let is_last = from.fill_buf()?.is_empty();
        let opened = key.open_in_place(nonce(n_chunks, is_last), Aad::empty(), &mut chunk);
        let plain = opened.map_err(|_| SealError::Garbled)?;
        to.write_all(plain)?;
        n_chunks += 1;
        if is_last {
            return Ok(());
        }
    }
}

/// The key of the file itself, out of its header.
fn file_key(from: &mut impl BufRead, key: &Key) -> io::Result<[u8; 16]> {
    let mut head = Vec::new();
    let mut wrapped = None;
    if line(from, &mut head)? != MAGIC {
        return Err(SealError::Garbled.into());
    }
    let mut other = "a passphrase";
    for _ in 0..MOST_LINES {
        let stanza = line(from, &mut head)?;
        if let Some(mac_text) = stanza.strip_prefix("--- ") {
            let n_signed = head.len() - mac_text.len() - 2;
            let wrapped: [u8; 16] = wrapped.ok_or(match other {
                "" => SealError::WrongKey,
                other => SealError::OtherKind(other),
            })?;
            let given = decoded(mac_text)?;
            hmac::verify(&mac_key(&wrapped)?, &head[..n_signed], &given)
                .map_err(|_| SealError::Garbled)?;
            return Ok(wrapped);
        }
        let words: Vec<&str> = stanza.split(' ').collect();
        let body = match words.first() {
            // Bodies of ours have one line; what is longer is no recipient of ours.
            Some(&"->") => line(from, &mut head)?,
            _ => continue,
        };
        let wrapping = match (key, &words[1..]) {
            (Key::Passphrase(passphrase), [SCRYPT, salt, work]) => {
                other = "";
                let work = work.parse().map_err(|_| SealError::Garbled)?;
                if work > MOST_WORK {
                    return Err(SealError::TooHard.into());
                }
                stretched(passphrase, &decoded(salt)?, work)?
            }
            (Key::Identity(secret), [X25519, share]) => {
                other = "";
                let share: [u8; 32] = decoded(share)?.try_into().map_err(|_| SealError::Garbled)?;
                let share = PublicKey::from(share);
                agreed(secret, &share, &share, &PublicKey::from(secret))?
            }
            (Key::Passphrase(_), [X25519, ..]) => {
                other = "a secret key";
                continue;
            }
            _ => continue,
        };
        let mut body = decoded(&body)?;
        let opened = sealing(&wrapping)?.open_in_place(nonce(0, false), Aad::empty(), &mut body);
        wrapped = wrapped.or_else(|| <[u8; 16]>::try_from(&*opened.ok()?).ok());
    }
    Err(SealError::Garbled.into())
}

/// The next line of a header, which is also added to `head`.
fn line(from: &mut impl BufRead, head: &mut Vec<u8>) -> io::Result<String> {
    let start = head.len();
    from.by_ref().take(MOST_LINE).read_until(b'\n', head)?;
    let line = head[start..].strip_suffix(b"\n").ok_or(SealError::Garbled)?;
    Ok(String::from_utf8(line.to_vec()).map_err(|_| SealError::Garbled)?)
}

fn stretched(passphrase: &str, salt: &[u8], work: u8) -> Result<[u8; 32], SealError> {
    let parameters = scrypt::Params::new(work, 8, 1).map_err(|_| SealError::Garbled)?;
    let mut key = [0; 32];
    let salt = [SCRYPT_SALT, salt].concat();
    scrypt::scrypt(passphrase.as_bytes(), &salt, &parameters, &mut key)
        .map_err(|_| SealError::Garbled)?;
    Ok(key)
}

/// What a share and a recipient's key have in common.
fn agreed(
    secret: &StaticSecret,
    with: &PublicKey,
    share: &PublicKey,
    recipient: &PublicKey,
) -> Result<[u8; 32], SealError> {
    let common = secret.diffie_hellman(with);
    if !common.was_contributory() {
        return Err(SealError::Garbled);
    }
    let salt = [&share.as_bytes()[..], recipient.as_bytes()].concat();
    derived(common.as_bytes(), &salt, X25519_INFO)
}

/// HKDF with SHA-256.
fn derived(from: &[u8], salt: &[u8], info: &[u8]) -> Result<[u8; 32], SealError> {
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(from);
    let mut key = [0; 32];
    let info = [info];
    let okm = extracted.expand(&info, hkdf::HKDF_SHA256).map_err(|_| SealError::Garbled)?;
    okm.fill(&mut key).map_err(|_| SealError::Garbled)?;
    Ok(key)
}

fn mac_key(file_key: &[u8; 16]) -> Result<hmac::Key, SealError> {
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &derived(file_key, &[], b"header")?))
}

fn mac(file_key: &[u8; 16], header: &[u8]) -> Result<Vec<u8>, SealError> {
    Ok(hmac::sign(&mac_key(file_key)?, header).as_ref().to_vec())
}

fn sealing(key: &[u8; 32]) -> Result<LessSafeKey, SealError> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key).map_err(|_| SealError::Garbled)?;
    Ok(LessSafeKey::new(key))
}

/// Eleven bytes that count, and one that says whether it is the last.
fn nonce(n: u64, is_last: bool) -> Nonce {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&n.to_be_bytes());
    nonce[11] = u8::from(is_last);
    Nonce::assume_unique_for_key(nonce)
}

fn encoded(bytes: &[u8]) -> String {
    BASE64_STANDARD_NO_PAD.encode(bytes)
}

fn decoded(text: &str) -> Result<Vec<u8>, SealError> {
    BASE64_STANDARD_NO_PAD.decode(text).map_err(|_| SealError::Garbled)
}

fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| SealError::NoRandom)?;
    Ok(bytes)
}

/// The 32 bytes of a text in Bech32 (BIP 173) with this prefix, in small letters.
fn bech32(text: &str, prefix: &str) -> Option<[u8; 32]> {
    const LETTERS: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let data = text.strip_prefix(prefix)?.strip_prefix('1')?;
    let values = data.chars().map(|c| Some(LETTERS.find(c)? as u32)).collect::<Option<Vec<_>>>()?;
    let spread = prefix.bytes().map(|byte| u32::from(byte) >> 5);
    let low = prefix.bytes().map(|byte| u32::from(byte) & 31);
    let all = spread.chain([0]).chain(low).chain(values.iter().copied());
    let sum = all.fold(1_u32, |sum, value| {
        let top = sum >> 25;
        let generators = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        let next = (sum & 0x1ff_ffff) << 5 ^ value;
        generators.iter().enumerate().fold(next, |sum, (bit, generator)| {
            if top >> bit & 1 == 1 { sum ^ generator } else { sum }
        })
    });
    if sum != 1 || values.len() != 52 + 6 {
        return None;
    }
    let mut bytes = [0_u8; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let bit = |n: usize| values[n / 5] >> (4 - n % 5) & 1;
        *byte = (0..8).fold(0, |byte, n| byte << 1 | bit(at * 8 + n) as u8);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From age's own documentation (age-keygen) and its test vectors' format.
    const PUBLIC: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    const SECRET: &str =
        "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";

    fn sealed(plain: &[u8], lock: &Lock) -> Vec<u8> {
        let mut sealer = Sealer::new(Vec::new(), lock).unwrap();
        sealer.write_all(plain).unwrap();
        sealer.finish().unwrap()
    }

    fn opened(mut sealed: &[u8], key: &Key) -> Result<Vec<u8>, String> {
        let mut plain = Vec::new();
        open(&mut sealed, key, &mut plain).map_err(|error| error.to_string())?;
        Ok(plain)
    }

    #[test]
    fn keys_are_read() {
        let Key::Identity(secret) = Key::identity(&format!("# mine\n{SECRET}\n")).unwrap() else {
            panic!("no identity")
        };
        assert_eq!(secret.to_bytes(), [0x42; 32]);
        let Lock::Recipient(public) = Lock::recipient(PUBLIC).unwrap() else { panic!() };
        assert_eq!(public, PublicKey::from(&secret));
        for text in ["", "age1", &PUBLIC.replace('z', "q"), &PUBLIC[..50], SECRET] {
            assert!(Lock::recipient(text).is_err(), "{text}");
        }
        assert!(Key::identity(PUBLIC).is_err());
    }

    #[test]
    fn only_its_key_opens_a_file_and_only_whole() {
        let locks = [Lock::recipient(PUBLIC).unwrap(), Lock::Passphrase("a b".into())];
        let keys = [Key::identity(SECRET).unwrap(), Key::Passphrase("a b".into())];
        for (lock, key) in locks.iter().zip(&keys) {
            // What a passphrase costs does not depend on the length.
            let lengths = [1, 0, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK];
            let n_lengths = if matches!(lock, Lock::Passphrase(_)) { 1 } else { lengths.len() };
            for n in lengths.into_iter().take(n_lengths) {
                let plain: Vec<u8> = (0..n).map(|n| (n % 251) as u8).collect();
                assert!(opened(&sealed(&plain, lock), key).unwrap() == plain, "{n}");
            }
        }
        let file = sealed(&[7; CHUNK + 9], &locks[0]);
        let check = |file: &[u8], key: &Key, expected: &str| {
            let error = opened(file, key).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(&file, &keys[1], "opens by a secret key");
        check(&sealed(b"x", &locks[1]), &keys[0], "opens by a passphrase");
        check(
            &sealed(b"x", &locks[1]),
            &Key::Passphrase("a c".into()),
            "another key or passphrase",
        );
        check(&file, &Key::Identity(StaticSecret::from([1; 32])), "another key or passphrase");
        // Cut at a chunk's end, cut elsewhere, altered anywhere.
        check(&file[..file.len() - 9 - TAG], &keys[0], "damaged");
        for at in (0..file.len()).step_by(4_999).chain([file.len() - 1]) {
            assert!(opened(&file[..at], &keys[0]).is_err(), "cut at {at}");
            let mut altered = file.clone();
            altered[at] ^= 1;
            assert!(opened(&altered, &keys[0]).is_err(), "altered at {at}");
        }
        let hard = b"age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 40\nAAAA\n--- AAAA\n";
        check(hard, &keys[1], "harder than this machine can bear");
    }
}

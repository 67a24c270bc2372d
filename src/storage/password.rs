//! Passwords at rest: Argon2id, in the format that says its own parameters (PHC), so that they can be
//! raised without asking anybody for a new password.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

use super::Error;

/// 19 MiB and two passes, the least that OWASP's password storage cheat sheet recommends for Argon2id:
/// about 0.1 s of one core of a Raspberry Pi 4, which must not need more memory for a sign-in.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

/// Shortest password, in characters.
pub const SHORTEST: usize = 8;
/// Longest password, in bytes.
pub const LONGEST: usize = 512;

/// Whether a text can be a password at all.
///
/// # Errors
/// Why not, in plain words.
pub fn check(password: &str) -> Result<(), String> {
    if password.chars().count() < SHORTEST {
        return Err(format!("a password has at least {SHORTEST} characters"));
    }
    if password.len() > LONGEST {
        return Err(format!("a password has at most {LONGEST} bytes"));
    }
    Ok(())
}

/// What is kept of a password. Takes a tenth of a second: not for an async thread.
pub(super) fn hash(password: &str) -> Result<String, Error> {
    check(password).map_err(Error::Account)?;
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Error::Random(error.to_string()))?;
    let failed = |error: argon2::password_hash::Error| Error::Account(error.to_string());
    let salt = SaltString::encode_b64(&random).map_err(failed)?;
    let hash = argon().hash_password(password.as_bytes(), &salt).map_err(failed)?;
    Ok(hash.to_string())
}

/// Whether it is the password. As long without anything to compare with: the time taken does not tell
/// whether there is such a person.
pub(super) fn is_right(password: &str, kept: Option<&str>) -> bool {
    // Of a password that nobody knows.
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                          AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    if password.len() > LONGEST {
        return false;
    }
    let Ok(hash) = PasswordHash::new(kept.unwrap_or(NOBODY)) else { return false };
    let is_same = argon().verify_password(password.as_bytes(), &hash).is_ok();
    is_same && kept.is_some()
}

fn argon() -> Argon2<'static> {
    // These parameters are within Argon2's limits; the default ones are the same today.
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_is_right() {
        let kept = hash("correct horse").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_ne!(kept, hash("correct horse").unwrap(), "each has a salt of its own");
        for (said, kept, expected) in [
            ("correct horse", Some(&*kept), true),
            ("correct horsf", Some(&kept), false),
            ("", Some(&kept), false),
            ("correct horse", None, false),
            ("correct horse", Some("nonsense"), false),
        ] {
            assert_eq!(is_right(said, kept), expected, "{said}");
        }
    }

    #[test]
    fn what_cannot_be_a_password() {
        assert!(check("1234567").is_err());
        assert!(check("éééééééé").is_ok());
        assert!(check(&"x".repeat(513)).is_err());
    }
}

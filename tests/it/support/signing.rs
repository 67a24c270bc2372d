//! Signs files as minisign does, with keys of its own.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use blake2::{Blake2b512, Digest};
use ring::signature::{Ed25519KeyPair, KeyPair};

pub(crate) struct Signer {
    pair: Ed25519KeyPair,
    id: [u8; 8],
}

impl Signer {
    pub(crate) fn new(seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        Self { pair, id: [seed; 8] }
    }

    /// The public key, as the second line of minisign.pub has it.
    pub(crate) fn key(&self) -> String {
        BASE64_STANDARD.encode([b"Ed", &self.id[..], self.pair.public_key().as_ref()].concat())
    }

    /// What lies in a file's `.minisig`.
    pub(crate) fn sign(&self, file: &[u8], comment: &str) -> String {
        let signature = self.pair.sign(&Blake2b512::digest(file));
        let global = self.pair.sign(&[signature.as_ref(), comment.as_bytes()].concat());
        let line = BASE64_STANDARD.encode([b"ED", &self.id[..], signature.as_ref()].concat());
        let global = BASE64_STANDARD.encode(global.as_ref());
        format!("untrusted comment: made in a test\n{line}\ntrusted comment: {comment}\n{global}\n")
    }
}

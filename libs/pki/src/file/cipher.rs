//! Block ciphers in CBC mode with the padding of PKCS #7: AES by aws-lc, and what old files are locked with.

use aws_lc_rs::{
    cipher::{
        AES_128, AES_192, AES_256, Algorithm, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
        PaddedBlockEncryptingKey, UnboundCipherKey,
    },
    iv::FixedLength,
};
use des::{
    Des, TdesEde3,
    cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockSizeUser, KeyInit, consts::U8},
};
use rc2::Rc2;
use zeroize::Zeroizing;

/// A cipher, with the length of its key where that varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
    Des,
    /// RC2 with a key of so many bytes, all of whose bits count.
    Rc2 {
        key_length: usize,
    },
}

impl Cipher {
    /// In bytes.
    pub(super) const fn key_length(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 | Self::TripleDes => 24,
            Self::Aes256 => 32,
            Self::Des => 8,
            Self::Rc2 { key_length } => key_length,
        }
    }

    /// Of a block and an initialization vector, in bytes.
    pub(super) const fn block_length(self) -> usize {
        match self {
            Self::Aes128 | Self::Aes192 | Self::Aes256 => 16,
            Self::TripleDes | Self::Des | Self::Rc2 { .. } => 8,
        }
    }

    const fn aes(self) -> Option<&'static Algorithm> {
        match self {
            Self::Aes128 => Some(&AES_128),
            Self::Aes192 => Some(&AES_192),
            Self::Aes256 => Some(&AES_256),
            Self::TripleDes | Self::Des | Self::Rc2 { .. } => None,
        }
    }

    /// The plain text; `None` when key, vector or text have the wrong length, or the padding is none: mostly a wrong
    /// passphrase.
    pub(super) fn decrypt(self, key: &[u8], iv: &[u8], text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        if key.len() != self.key_length()
            || iv.len() != self.block_length()
            || text.is_empty()
            || !text.len().is_multiple_of(self.block_length())
        {
            return None;
        }
        let mut bytes = Zeroizing::new(text.to_vec());
        if let Some(aes) = self.aes() {
            let key = PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(aes, key).ok()?).ok()?;
            let context = DecryptionContext::Iv128(FixedLength::try_from(iv).ok()?);
            let length = key.decrypt(&mut bytes, context).ok()?.len();
            bytes.truncate(length);
            return Some(bytes);
        }
        match self {
            Self::TripleDes => cbc_decrypt(&TdesEde3::new_from_slice(key).ok()?, iv, &mut bytes),
            Self::Des => cbc_decrypt(&Des::new_from_slice(key).ok()?, iv, &mut bytes),
            _ => cbc_decrypt(&rc2(key)?, iv, &mut bytes),
        }
        let length = unpadded(&bytes)?;
        bytes.truncate(length);
        Some(bytes)
    }

    /// The cipher text; `None` when key or vector have the wrong length.
    pub(super) fn encrypt(self, key: &[u8], iv: &[u8], text: &[u8]) -> Option<Vec<u8>> {
        if key.len() != self.key_length() || iv.len() != self.block_length() {
            return None;
        }
        if let Some(aes) = self.aes() {
            let mut bytes = text.to_vec();
            let key = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(aes, key).ok()?).ok()?;
            let context = EncryptionContext::Iv128(FixedLength::try_from(iv).ok()?);
            key.less_safe_encrypt(&mut bytes, context).ok()?;
            return Some(bytes);
        }
        let padding = self.block_length() - text.len() % self.block_length();
        let mut bytes = Vec::with_capacity(text.len() + padding);
        bytes.extend_from_slice(text);
        bytes.resize(text.len() + padding, padding as u8);
        match self {
            Self::TripleDes => cbc_encrypt(&TdesEde3::new_from_slice(key).ok()?, iv, &mut bytes),
            Self::Des => cbc_encrypt(&Des::new_from_slice(key).ok()?, iv, &mut bytes),
            _ => cbc_encrypt(&rc2(key)?, iv, &mut bytes),
        }
        Some(bytes)
    }
}

fn rc2(key: &[u8]) -> Option<Rc2> {
    (1..=128).contains(&key.len()).then(|| Rc2::new_with_eff_key_len(key, key.len() * 8))
}

fn unpadded(bytes: &[u8]) -> Option<usize> {
    let padding = usize::from(*bytes.last()?);
    let length = bytes.len().checked_sub(padding)?;
    ((1..=8).contains(&padding) && bytes[length..].iter().all(|byte| usize::from(*byte) == padding))
        .then_some(length)
}

fn cbc_decrypt<C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U8>>(
    cipher: &C,
    iv: &[u8],
    bytes: &mut [u8],
) {
    let mut before = eight(iv);
    for chunk in bytes.chunks_exact_mut(8) {
        let encrypted = eight(chunk);
        let mut block = Block::<C>::from(encrypted);
        cipher.decrypt_block(&mut block);
        for ((out, plain), before) in chunk.iter_mut().zip(block).zip(before) {
            *out = plain ^ before;
        }
        before = encrypted;
    }
}

fn cbc_encrypt<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U8>>(
    cipher: &C,
    iv: &[u8],
    bytes: &mut [u8],
) {
    let mut before = eight(iv);
    for chunk in bytes.chunks_exact_mut(8) {
        let mut block = [0; 8];
        for ((out, plain), before) in block.iter_mut().zip(chunk.iter()).zip(before) {
            *out = plain ^ before;
        }
        let mut block = Block::<C>::from(block);
        cipher.encrypt_block(&mut block);
        chunk.copy_from_slice(&block);
        before = eight(chunk);
    }
}

fn eight(bytes: &[u8]) -> [u8; 8] {
    let mut block = [0; 8];
    block.copy_from_slice(&bytes[..8]);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cipher_opens_what_it_locked_and_refuses_another_key() {
        for cipher in [
            Cipher::Aes128,
            Cipher::Aes192,
            Cipher::Aes256,
            Cipher::TripleDes,
            Cipher::Des,
            Cipher::Rc2 { key_length: 5 },
            Cipher::Rc2 { key_length: 16 },
        ] {
            let key: Vec<u8> = (1..).take(cipher.key_length()).collect();
            let iv = vec![9; cipher.block_length()];
            for length in [0, 1, 7, 8, 15, 16, 17, 100] {
                let text = vec![42; length];
                let locked = cipher.encrypt(&key, &iv, &text).unwrap();
                assert_eq!(*cipher.decrypt(&key, &iv, &locked).unwrap(), text, "{cipher:?}");
                let other: Vec<u8> = key.iter().map(|byte| byte ^ 0xf0).collect();
                assert_ne!(cipher.decrypt(&other, &iv, &locked).map(|plain| plain.to_vec()), Some(text));
            }
            assert_eq!(cipher.decrypt(&key, &iv, &[0; 7]), None);
            assert_eq!(cipher.decrypt(&key, &iv[1..], &[0; 16]), None);
            assert_eq!(cipher.decrypt(&key[1..], &iv, &[0; 16]), None);
        }
    }
}

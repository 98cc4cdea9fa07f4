//! A key in a token: two objects, of which the private one is never readable and never leaves.

use contracts::{KeyId, x509::KeyAlgorithm};
use cryptoki::{
    mechanism::Mechanism,
    object::{Attribute, AttributeType, ObjectClass, ObjectHandle},
    session::{Session, SessionState},
};
use pki::token_key;
use uuid::Uuid;

use super::{Fault, module::Ready};
use crate::signing_key::rsa_bits;

/// An open session, and whose keys are looked for.
pub(super) struct Open<'a> {
    pub(super) ready: &'a Ready,
    pub(super) installation: Uuid,
}

impl Open<'_> {
    /// Whether it is still logged in.
    pub(super) fn check(&self) -> Result<(), Fault> {
        match self.session().get_session_info()?.session_state() {
            SessionState::RwUser => Ok(()),
            state => Err(Fault::Away(format!("its session is {state:?}"))),
        }
    }

    /// Makes a key pair, and looks whether it is what was asked for.
    pub(super) fn make(&self, key: KeyId, algorithm: KeyAlgorithm) -> Result<Vec<u8>, Fault> {
        let both = [Attribute::Token(true), Attribute::Label(label(key)), Attribute::Id(self.id(key))];
        let mut public = both.to_vec();
        public.extend([Attribute::Private(false), Attribute::Verify(true)]);
        let mut private = both.to_vec();
        private.extend([
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::Decrypt(false),
            Attribute::Unwrap(false),
            Attribute::Derive(false),
        ]);
        let mechanism = match rsa_bits(algorithm) {
            Some(bits) => {
                public.push(Attribute::ModulusBits((bits as u64).into()));
                public.push(Attribute::PublicExponent(vec![1, 0, 1]));
                Mechanism::RsaPkcsKeyPairGen
            }
            None => {
                let curve =
                    token_key::curve(algorithm).ok_or(Fault::Unusable("it makes RSA and ECDSA keys"))?;
                public.push(Attribute::EcParams(curve));
                Mechanism::EccKeyPairGen
            }
        };
        let (public, private) = self.session().generate_key_pair(&mechanism, &public, &private)?;
        let undo =
            || [private, public].into_iter().try_for_each(|object| self.session().destroy_object(object));
        let made = self.is_kept(private).and_then(|()| self.spki(public, algorithm));
        if made.is_err() {
            _ = undo(); // nothing is recorded of it yet
            return made;
        }
        // Whoever makes the same key at the same time sees two, or is seen: the later one gives way.
        if self.all(ObjectClass::PRIVATE_KEY, key)?.len() > 1 {
            undo()?;
            return self.public_key(key, algorithm)?.ok_or(Fault::Contended);
        }
        made
    }

    /// The SubjectPublicKeyInfo of a key that is there; none if it is not, whole.
    pub(super) fn public_key(&self, key: KeyId, algorithm: KeyAlgorithm) -> Result<Option<Vec<u8>>, Fault> {
        let private = self.find(ObjectClass::PRIVATE_KEY, key)?;
        let public = self.find(ObjectClass::PUBLIC_KEY, key)?;
        match (private, public) {
            (Some(private), Some(public)) => {
                self.is_kept(private)?;
                self.spki(public, algorithm).map(Some)
            }
            (Some(_), None) => Err(Fault::Unusable("it lost a public key")),
            (None, _) => Ok(None),
        }
    }

    /// Signs what was made of a message.
    pub(super) fn sign(&self, key: KeyId, algorithm: KeyAlgorithm, data: &[u8]) -> Result<Vec<u8>, Fault> {
        let known = self.ready.found.lock().get(&key).copied();
        let object = match known {
            Some(object) => object,
            None => self.find(ObjectClass::PRIVATE_KEY, key)?.ok_or(Fault::Missing)?,
        };
        let mechanism = if algorithm.is_rsa() { Mechanism::RsaPkcs } else { Mechanism::Ecdsa };
        let signature = self.session().sign(&mechanism, object, data)?;
        self.ready.found.lock().insert(key, object);
        if algorithm.is_rsa() {
            return Ok(signature);
        }
        token_key::ecdsa_signature(&signature).ok_or(Fault::Unusable("its signature is none"))
    }

    /// Destroys a key, the private half first.
    pub(super) fn destroy(&self, key: KeyId) -> Result<(), Fault> {
        self.ready.found.lock().remove(&key);
        for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
            for object in self.all(class, key)? {
                self.session().destroy_object(object)?;
            }
        }
        Ok(())
    }

    /// The keys of this installation.
    pub(super) fn keys(&self) -> Result<Vec<KeyId>, Fault> {
        let template = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Token(true)];
        let mut keys = vec![];
        for object in self.session().find_objects(&template)? {
            for attribute in self.session().get_attributes(object, &[AttributeType::Id])? {
                if let Attribute::Id(id) = attribute
                    && let Some(key) = id.strip_prefix(self.installation.as_bytes().as_slice())
                    && let Ok(key) = Uuid::from_slice(key)
                {
                    keys.push(KeyId(key));
                }
            }
        }
        Ok(keys)
    }

    fn session(&self) -> &Session {
        &self.ready.session
    }

    fn all(&self, class: ObjectClass, key: KeyId) -> Result<Vec<ObjectHandle>, Fault> {
        let template = [Attribute::Class(class), Attribute::Token(true), Attribute::Id(self.id(key))];
        Ok(self.session().find_objects(&template)?)
    }

    fn find(&self, class: ObjectClass, key: KeyId) -> Result<Option<ObjectHandle>, Fault> {
        match &self.all(class, key)?[..] {
            [] => Ok(None),
            [object] => Ok(Some(*object)),
            _ => Err(Fault::Unusable("it holds a key twice")),
        }
    }

    /// Whether a private key was made in the token, and can never leave it.
    fn is_kept(&self, private: ObjectHandle) -> Result<(), Fault> {
        let wanted = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::AlwaysSensitive(true),
            Attribute::Extractable(false),
            Attribute::NeverExtractable(true),
            Attribute::Local(true),
        ];
        let asked: Vec<AttributeType> = wanted.iter().map(Attribute::attribute_type).collect();
        let told = self.session().get_attributes(private, &asked)?;
        if wanted.iter().all(|wanted| told.contains(wanted)) {
            return Ok(());
        }
        Err(Fault::Unusable("a private key in it was not made there, or may leave it"))
    }

    fn spki(&self, public: ObjectHandle, algorithm: KeyAlgorithm) -> Result<Vec<u8>, Fault> {
        let asked = if algorithm.is_rsa() {
            vec![AttributeType::Modulus, AttributeType::PublicExponent]
        } else {
            vec![AttributeType::EcPoint]
        };
        let told = self.session().get_attributes(public, &asked)?;
        let (mut modulus, mut exponent, mut point) = (None, None, None);
        for attribute in told {
            match attribute {
                Attribute::Modulus(bytes) => modulus = Some(bytes),
                Attribute::PublicExponent(bytes) => exponent = Some(bytes),
                Attribute::EcPoint(bytes) => point = Some(bytes),
                _ => {}
            }
        }
        let spki = match (modulus, exponent, point) {
            (Some(modulus), Some(exponent), None) => Some(token_key::rsa_spki(&modulus, &exponent)),
            (None, None, Some(point)) => token_key::ecdsa_spki(algorithm, &point),
            _ => None,
        };
        let spki = spki.filter(|spki| pki::spki::key_algorithm(spki).as_ref() == Ok(&algorithm));
        spki.ok_or(Fault::Unusable("a public key in it is not of the kind that was asked for"))
    }

    /// Whose key it is, and which.
    fn id(&self, key: KeyId) -> Vec<u8> {
        [self.installation.as_bytes().as_slice(), key.uuid().as_bytes()].concat()
    }
}

fn label(key: KeyId) -> Vec<u8> {
    key.to_string().into_bytes()
}

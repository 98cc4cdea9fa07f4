//! K-1: a blob opens in its own place under its own key, and nowhere else.

use proptest::prelude::*;
use runtime::entropy::SystemEntropy;

use super::*;

fn master(byte: u8) -> WrappingKey {
    WrappingKey::new(Uuid::from_u128(u128::from(byte)), 1, &SecretBytes::new(vec![byte; KEY])).unwrap()
}

fn organization_key(organization: OrganizationId, version: i32) -> WrappingKey {
    let blob = master(1).make_organization_key(organization, version, &SystemEntropy).unwrap();
    master(1).open_organization_key(organization, version, &blob).unwrap()
}

prop_compose! {
    fn any_binding()(
        organization in 0..3u128, id in 0..3u128, version in 1..3i32,
        algorithm in prop::sample::select(KeyAlgorithm::ALL),
        purpose in prop::sample::select(&[KeyPurpose::Ca, KeyPurpose::EndEntity, KeyPurpose::Checkpoint][..]),
        credential in prop::option::of(prop::sample::select(CredentialPurpose::ALL)),
    ) -> Binding {
        let organization = OrganizationId(Uuid::from_u128(organization));
        let subject = match credential {
            None => Subject::Key { id: KeyId(Uuid::from_u128(id)), algorithm, purpose },
            Some(purpose) => Subject::Credential { id: CredentialId(Uuid::from_u128(id)), purpose },
        };
        Binding { organization, subject, version }
    }
}

proptest! {
    #[test]
    fn a_blob_opens_only_where_it_belongs(here in any_binding(), there in any_binding(), secret in any::<Vec<u8>>()) {
        let organization_key = organization_key(here.organization, 1);
        let wrapped = organization_key.wrap(&here, &SecretBytes::copy_of(&secret), &SystemEntropy).unwrap();
        prop_assert_eq!(organization_key.unwrap(&here, &wrapped), Ok(SecretBytes::new(secret)));
        prop_assert_eq!(organization_key.unwrap(&there, &wrapped).is_ok(), here == there);
    }

    #[test]
    fn a_changed_byte_is_found(position in any::<prop::sample::Index>(), bit in 0..8u32, in_data_key in any::<bool>()) {
        let binding = example();
        let organization_key = organization_key(binding.organization, 1);
        let mut wrapped = organization_key.wrap(&binding, &SecretBytes::copy_of(&[7; 64]), &SystemEntropy).unwrap();
        let blob = if in_data_key { &mut wrapped.data_key } else { &mut wrapped.secret };
        let at = position.index(blob.len());
        blob[at] ^= 1 << bit;
        prop_assert_eq!(organization_key.unwrap(&binding, &wrapped), Err(WrappingError::DoesNotOpen));
    }

    #[test]
    fn a_cut_blob_does_not_open(length in 0..60usize) {
        let binding = example();
        let organization_key = organization_key(binding.organization, 1);
        let mut wrapped = organization_key.wrap(&binding, &SecretBytes::copy_of(&[7; 32]), &SystemEntropy).unwrap();
        wrapped.secret.truncate(length);
        prop_assert_eq!(organization_key.unwrap(&binding, &wrapped), Err(WrappingError::DoesNotOpen));
    }
}

fn example() -> Binding {
    Binding {
        organization: OrganizationId(Uuid::from_u128(1)),
        subject: Subject::Key {
            id: KeyId(Uuid::from_u128(2)),
            algorithm: KeyAlgorithm::EcdsaP256,
            purpose: KeyPurpose::Ca,
        },
        version: 1,
    }
}

#[test]
fn another_master_key_opens_nothing() {
    let organization = example().organization;
    let blob = master(1).make_organization_key(organization, 1, &SystemEntropy).unwrap();
    assert!(master(1).open_organization_key(organization, 1, &blob).is_ok());
    assert_eq!(
        master(2).open_organization_key(organization, 1, &blob).err(),
        Some(WrappingError::DoesNotOpen)
    );
    assert_eq!(
        master(1).open_organization_key(organization, 2, &blob).err(),
        Some(WrappingError::DoesNotOpen)
    );
    let other = OrganizationId(Uuid::from_u128(9));
    assert_eq!(master(1).open_organization_key(other, 1, &blob).err(), Some(WrappingError::DoesNotOpen));
}

#[test]
fn the_same_key_wraps_differently_each_time_and_is_not_in_its_blob() {
    let binding = example();
    let organization_key = organization_key(binding.organization, 1);
    let secret = SecretBytes::copy_of(b"a private key that must not be seen");
    let [one, two] = [(); 2].map(|()| organization_key.wrap(&binding, &secret, &SystemEntropy).unwrap());
    assert_ne!(one, two);
    let found = |blob: &[u8]| blob.windows(secret.expose().len()).any(|bytes| bytes == secret.expose());
    assert!(!found(&one.secret) && !found(&one.data_key));
}

#[test]
fn another_version_of_the_organization_key_opens_nothing() {
    let binding = example();
    let wrapped = organization_key(binding.organization, 1).wrap(
        &binding,
        &SecretBytes::copy_of(&[7; 32]),
        &SystemEntropy,
    );
    let other = organization_key(binding.organization, 2);
    assert_eq!(other.unwrap(&binding, &wrapped.unwrap()), Err(WrappingError::DoesNotOpen));
}

#[test]
fn a_rewrapped_key_opens_under_the_new_version_alone() {
    let binding = example();
    let (old, new) = (organization_key(binding.organization, 1), organization_key(binding.organization, 2));
    let secret = SecretBytes::copy_of(&[7; 32]);
    let wrapped = old.wrap(&binding, &secret, &SystemEntropy).unwrap();
    let rewrapped = new.rewrap(&old, &binding, &wrapped, &SystemEntropy).unwrap();
    assert_eq!(rewrapped.secret, wrapped.secret);
    assert_eq!(new.unwrap(&binding, &rewrapped), Ok(secret));
    assert_eq!(old.unwrap(&binding, &rewrapped), Err(WrappingError::DoesNotOpen));
}

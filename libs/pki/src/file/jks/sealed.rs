//! The secret keys of JCEKS: a serialized `SealedObjectForKeyProtector`, read by its one layout and never by a general
//! deserializer. They are no keys of certificates; they are read to know where they end.

/// From the stream's magic to the tag of the first field's bytes: the class, its parent and their fields, as every Java
/// since 7 writes them.
const HEAD: &[u8] = b"\
    \xac\xed\x00\x05\
    sr\x003com.sun.crypto.provider.SealedObjectForKeyProtector\xcdW\xcaY\xe70\xbbS\x02\x00\x00\
    xr\x00\x19javax.crypto.SealedObject>6=\xa6\xc3\xb7Tp\x02\x00\x04\
    [\x00\x0dencodedParamst\x00\x02[B\
    [\x00\x10encryptedContentq\x00~\x00\x02\
    L\x00\x09paramsAlgt\x00\x12Ljava/lang/String;\
    L\x00\x07sealAlgq\x00~\x00\x03\
    xpur\x00\x02[B\xac\xf3\x17\xf8\x06\x08T\xe0\x02\x00\x00xp";
/// Before the second field: an array of the class that the first has.
const SECOND_ARRAY: &[u8] = b"uq\x00~\x00\x05";
const STRING: u8 = 0x74;
const REFERENCE: u8 = 0x71;

/// How many bytes of `store` the object takes; `None` in any other layout.
pub(super) fn length(store: &[u8]) -> Option<usize> {
    let mut rest = store.strip_prefix(HEAD)?;
    rest = skip_array(rest)?; // parameters
    rest = skip_array(rest.strip_prefix(SECOND_ARRAY)?)?; // what is sealed
    rest = skip_string(rest)?; // the parameters' algorithm
    rest = skip_string(rest)?; // the seal's algorithm
    Some(store.len() - rest.len())
}

fn skip_array(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.get(u32::from_be_bytes(*length) as usize..)
}

/// A string, or a reference to one that stood before.
fn skip_string(bytes: &[u8]) -> Option<&[u8]> {
    match bytes.split_first()? {
        (&STRING, rest) => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            rest.get(usize::from(u16::from_be_bytes(*length))..)
        }
        (&REFERENCE, rest) => rest.get(4..),
        _ => None,
    }
}

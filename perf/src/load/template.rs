//! Requests encoded once and patched for each operation: the load generator must cost less than the server it measures.
//!
//! A template is learnt by encoding a request whose numbers stand out, and finding them in the bytes. It is then held
//! against fresh encodings of other keys, so a request that cannot be patched (a checksum, a length that varies) is
//! refused at the start and never sent.

use super::record::{DIGITS, digits};

// Numbers that occur nowhere else in a request.
const MARKED: Fill = Fill { key: 918_273_645_546, version: 102_938_475_665, request_id: 0xFACE_B00C_D15E_A5E5 };
/// Fresh encodings that a template is held against.
const PROBES: [Fill; 3] = [
    Fill { key: 0, version: 0, request_id: 1 },
    Fill { key: 42, version: 999_999_999_999, request_id: u64::MAX },
    Fill { key: 999_999_999_999, version: 7, request_id: 1 << 32 },
];

/// What varies from request to request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fill {
    /// The key's number.
    pub(super) key: u64,
    /// The version that a put writes.
    pub(super) version: u64,
    /// The id in a frame's header, where the protocol has one.
    pub(super) request_id: u64,
}

/// A request to be patched.
#[derive(Clone, Debug)]
pub(super) struct Template {
    bytes: Vec<u8>,
    key_offsets: Vec<usize>,
    version_offsets: Vec<usize>,
    request_id_offset: Option<usize>,
}

impl Template {
    /// Learns where a request's numbers stand. None if patching does not give what `encode` gives.
    pub(super) fn learn(encode: impl Fn(Fill) -> Vec<u8>) -> Option<Template> {
        let bytes = encode(MARKED);
        let template = Template {
            key_offsets: find(&bytes, &digits(MARKED.key)),
            version_offsets: find(&bytes, &digits(MARKED.version)),
            request_id_offset: find(&bytes, &MARKED.request_id.to_le_bytes()).first().copied(),
            bytes,
        };
        let mut patched = Vec::new();
        let is_sound = PROBES.into_iter().all(|probe| {
            patched.clear();
            template.append(probe, &mut patched);
            patched == encode(probe)
        });
        (is_sound && !template.key_offsets.is_empty()).then_some(template)
    }

    /// The request that is patched.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends the request with these numbers. Allocates only if `out` has to grow.
    pub(super) fn append(&self, fill: Fill, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let request = &mut out[start..];
        let key_digits = digits(fill.key);
        for offset in &self.key_offsets {
            request[*offset..*offset + DIGITS].copy_from_slice(&key_digits);
        }
        if !self.version_offsets.is_empty() {
            let version_digits = digits(fill.version);
            for offset in &self.version_offsets {
                request[*offset..*offset + DIGITS].copy_from_slice(&version_digits);
            }
        }
        if let Some(offset) = self.request_id_offset {
            request[offset..offset + 8].copy_from_slice(&fill.request_id.to_le_bytes());
        }
    }
}

fn find(bytes: &[u8], marker: &[u8]) -> Vec<usize> {
    bytes.windows(marker.len()).enumerate().filter(|(_, window)| *window == marker).map(|(offset, _)| offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patched_request_is_the_encoded_one() {
        let encode = |fill: Fill| {
            let mut bytes = fill.request_id.to_le_bytes().to_vec();
            bytes.extend(format!("GET key:{:012} {:012} again {:012}", fill.key, fill.version, fill.key).bytes());
            bytes
        };
        let template = Template::learn(encode).unwrap();
        let fill = Fill { key: 31, version: 4, request_id: 15 };
        let mut out = b"before".to_vec();
        template.append(fill, &mut out);
        assert_eq!(out, [b"before".to_vec(), encode(fill)].concat());
    }

    #[test]
    fn a_request_that_cannot_be_patched_is_refused() {
        assert!(Template::learn(|fill| format!("GET {}", fill.key).into_bytes()).is_none(), "the length varies");
        assert!(Template::learn(|_| b"PING".to_vec()).is_none(), "no key");
        let with_checksum = |fill: Fill| format!("{:012} {}", fill.key, fill.key % 7).into_bytes();
        assert!(Template::learn(with_checksum).is_none());
    }
}

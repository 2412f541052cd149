//! The keyring and the table of data keys: what is written comes back, and whatever else there is is refused by name.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use security::{
    DATA_KEY_COUNT_MAX, GroupKeys, KEYRING_BYTES_MAX, KeyFileError, KeyLimit, KeyOwner, KeyPlace, KeyTable, Keyring,
    KeyringError, NoKey, NotWrapped, Secret, WrappedKey, Wrapping,
};

/// Bytes that come once.
fn counter() -> impl FnMut(&mut [u8]) {
    let mut next = 0_u64;
    move |out| {
        for piece in out.chunks_mut(8) {
            next += 1;
            piece.copy_from_slice(&next.to_be_bytes()[8 - piece.len()..]);
        }
    }
}

fn place(segment: u32) -> KeyPlace {
    KeyPlace { journal_id: 1, epoch: 2, opening: 3, segment }
}

fn small_table(keyring: &Keyring, random: &mut dyn FnMut(&mut [u8])) -> KeyTable {
    let mut wrapping = Wrapping { master: keyring.newest(), random };
    let mut table = KeyTable::new(0, &mut wrapping);
    table.add(KeyOwner(1), vec![1, 2], &mut wrapping);
    table.add(KeyOwner(2), vec![3], &mut wrapping);
    table.rotate(KeyOwner(2), &mut wrapping).unwrap().unwrap();
    table
}

fn group_keys(table: &KeyTable) -> GroupKeys {
    let owners: Vec<_> = table.owners().cloned().collect();
    GroupKeys::new(&owners, table.last_group())
}

#[test]
fn a_keyring_comes_back_however_it_is_padded() {
    let mut random = counter();
    let mut keyring = Keyring::draw(&mut random);
    let first = keyring.newest().id();
    keyring.add(&mut random).unwrap();
    let text = format!("{}\n\n # x\n\n", *keyring.text()).replace(" # x", "# x");
    let again = Keyring::parse(text.as_bytes()).unwrap();
    assert_eq!((again.newest().id(), again.find(first).is_some()), (keyring.newest().id(), true));
    assert_ne!(first, keyring.newest().id());
    assert!(!format!("{keyring:?}").contains("0000000000000001"), "a key is not printed");
}

#[test]
fn a_wrapped_key_is_locked_until_its_own_secret_comes() {
    let mut random = counter();
    let arn = "arn:aws:kms:eu-west-1:111122223333:key/1234";
    let wrapped = |blob: &[u8]| WrappedKey::new(arn, blob).unwrap();
    let mut keyring = Keyring::of_wrapped(Secret::new([1; 32]), wrapped(b"one"));
    let first = keyring.newest().id();
    assert!(keyring.text().contains("only who may use its key"), "{}", *keyring.text());
    keyring.add(&mut random).unwrap();
    let clear = keyring.newest().id();
    assert!(keyring.text().contains("Who has this file can read the data"));
    keyring.add_wrapped(Secret::new([2; 32]), wrapped(b"two")).unwrap();
    let newest = keyring.newest().id();
    let text = keyring.text();
    assert!(!text.contains(&"02".repeat(32)) && !text.contains(&"01".repeat(32)), "wrapped keys are not in clear");

    let mut again = Keyring::parse(text.as_bytes()).unwrap();
    assert_eq!((again.newest_id(), again.newest_service_key()), (newest, Some(arn)));
    assert!([first, clear, newest].iter().all(|id| again.contains(*id)));
    assert_eq!((again.locked(first), again.locked(clear)), (Some(&wrapped(b"one")), None));
    assert!(again.find(clear).is_some() && again.find(newest).is_none());
    let wrong = again.unlock(newest, Secret::new([1; 32])).unwrap_err();
    assert_eq!((wrong.expected, wrong.found), (newest, first));
    again.unlock(newest, Secret::new([2; 32])).unwrap();
    assert_eq!((again.newest().id(), again.locked(newest)), (newest, None));
    assert_eq!(*again.text(), *text, "also with a key that is locked");
}

#[test]
fn what_is_no_wrapped_key_is_refused() {
    let id = "0123456789abcdef0123456789abcdef";
    let check = |line: &str, is_taken: bool| {
        let parsed = Keyring::parse(format!("stator-keyring 1\n{line}\n").as_bytes());
        let expected = if is_taken { None } else { Some(KeyringError::Line(2)) };
        assert_eq!(parsed.err(), expected, "{line}");
    };
    let base64 = |bytes: usize| format!("{}{}", "AAAA".repeat(bytes / 3), ["", "AA==", "AAA="][bytes % 3]);
    check(&format!("kms {id} k AAAA"), true);
    check(&format!("kms\t{id}   alias/x \tAA==\r"), true);
    check(&format!("kms {id} k {}", base64(6144)), true);
    check(&format!("kms {id} {} AAAA", "k".repeat(2048)), true);
    for line in [
        "kms".to_owned(),
        format!("kms {id}"),
        format!("kms {id} k"),
        format!("kms {id} k AAAA AAAA"),
        format!("kms{id} k AAAA"),
        format!("KMS {id} k AAAA"),
        format!("kms {}g k AAAA", &id[1..]),
        format!("kms {id}00 k AAAA"),
        format!("kms {} k AAAA", &id[2..]),
        format!("kms {id} k AAA"),
        format!("kms {id} k AB=="),
        format!("kms {id} k A-_A"),
        format!("kms {id} k ===="),
        format!("kms {id} k\u{e9} AAAA"),
        format!("kms {id} k\u{7f} AAAA"),
        format!("kms {id} {} AAAA", "k".repeat(2049)),
        format!("kms {id} k {}", base64(6145)),
    ] {
        check(&line, false);
    }
    let twice = format!("stator-keyring 1\nkms {id} k AAAA\nkms {id} l BBBB\n");
    assert_eq!(Keyring::parse(twice.as_bytes()).err(), Some(KeyringError::Twice(3)));
    let mut line = format!("stator-keyring 1\nkms {id} k AAAA\n").into_bytes();
    line[30] = 0xff;
    assert_eq!(Keyring::parse(&line).err(), Some(KeyringError::Line(2)), "no text at all");
    assert_eq!(WrappedKey::new("", b"x"), Err(NotWrapped::Name));
    assert_eq!(WrappedKey::new("two words", b"x"), Err(NotWrapped::Name));
    assert_eq!(WrappedKey::new("k", b""), Err(NotWrapped::Blob(0)));
}

#[test]
fn a_keyring_stays_within_its_length() {
    let blob = vec![7; 6144];
    let wrapped = || WrappedKey::new("k", &blob).unwrap();
    let mut keyring = Keyring::of_wrapped(Secret::new([0; 32]), wrapped());
    let added = (1..64).take_while(|number| keyring.add_wrapped(Secret::new([*number; 32]), wrapped()).is_ok()).count();
    assert_eq!(added, 6, "8 KiB each");
    assert!(keyring.text().len() <= KEYRING_BYTES_MAX);
    assert_eq!(keyring.add_wrapped(Secret::new([9; 32]), wrapped()), Err(KeyringError::TooMany));
    let mut random = counter();
    let added = (0..200).take_while(|_| keyring.add(&mut random).is_ok()).count();
    assert_eq!(added, 64 - 7);
    assert_eq!(Keyring::parse(keyring.text().as_bytes()).unwrap().newest().id(), keyring.newest().id());
}

#[test]
fn what_is_no_keyring_is_refused_by_its_line() {
    let key = "key 00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
    let check = |text: &str, expected| assert_eq!(Keyring::parse(text.as_bytes()).err(), expected, "{text}");
    check(&format!("stator-keyring 1\n{key}\r\n"), None);
    check("", Some(KeyringError::NoKeyring));
    check(&format!("stator-keyring 2\n{key}\n"), Some(KeyringError::NoKeyring));
    check("stator-keyring 1\n#\n", Some(KeyringError::Empty));
    check(&format!("stator-keyring 1\n{key}0\n"), Some(KeyringError::Line(2)));
    check(&format!("stator-keyring 1\n\n{}g\n", &key[..key.len() - 1]), Some(KeyringError::Line(3)));
    check(&format!("stator-keyring 1\n{key}\n{key}\n"), Some(KeyringError::Twice(3)));
}

#[test]
fn the_table_comes_back_and_every_flip_or_truncation_is_refused() {
    let mut random = counter();
    let keyring = Keyring::draw(&mut random);
    let table = small_table(&keyring, &mut random);
    let mut bytes = table.encode();
    assert_eq!(bytes.len(), 4096);
    assert_eq!(KeyTable::decode_master(&bytes), Ok(keyring.newest().id()));
    let again = KeyTable::decode(&bytes, &keyring).unwrap();
    assert_eq!(again.encode(), bytes);
    assert_eq!((again.generation(), again.last_group(), again.master()), (4, 3, keyring.newest().id()));
    assert_eq!(again.find(KeyOwner(2)).unwrap().newest_version(), 2);
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(KeyTable::decode(&bytes, &keyring).is_err(), "flip of bit {bit} passes");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    let length = usize::try_from(u64::from_le_bytes(bytes[16..24].try_into().unwrap())).unwrap();
    for end in 0..length {
        assert!(KeyTable::decode(&bytes[..end], &keyring).is_err(), "truncation to {end} passes");
        assert!(KeyTable::decode_master(&bytes[..end]).is_err(), "truncation to {end} passes");
    }
}

#[test]
fn a_changed_table_with_a_right_checksum_is_not_authentic() {
    let mut random = counter();
    let keyring = Keyring::draw(&mut random);
    let bytes = small_table(&keyring, &mut random).encode();
    let length = usize::try_from(u64::from_le_bytes(bytes[16..24].try_into().unwrap())).unwrap();
    // The catalog's wrapped key, behind the header, its owner's 16 bytes, a group and the nonce.
    for at in 80 + 16 + 8 + 8..80 + 16 + 8 + 8 + 60 {
        let mut changed = bytes.clone();
        changed[at] ^= 4;
        let checksum = xxhash_rust::xxh3::xxh3_64(&changed[8..length]);
        changed[..8].copy_from_slice(&checksum.to_le_bytes());
        let error = KeyTable::decode(&changed, &keyring).unwrap_err();
        assert_eq!(error, KeyFileError::NotAuthentic { owner: KeyOwner::CATALOG, version: 1 }, "byte {at}");
    }
}

#[test]
fn another_master_key_does_not_open_it_and_rewrapping_changes_hands() {
    let mut random = counter();
    let mut keyring = Keyring::draw(&mut random);
    let stranger = Keyring::draw(&mut random);
    let mut table = small_table(&keyring, &mut random);
    let before = table.encode();
    let first = keyring.newest().id();
    assert_eq!(KeyTable::decode(&before, &stranger).unwrap_err(), KeyFileError::NoMasterKey(first));
    keyring.add(&mut random).unwrap();
    table.rewrap(&mut Wrapping { master: keyring.newest(), random: &mut random });
    let after = table.encode();
    assert_eq!(table.master(), keyring.newest().id());
    // The old file opens with the keyring of both, the new one needs the new key alone.
    KeyTable::decode(&before, &keyring).unwrap();
    let text = keyring.text();
    let newest = text.lines().rev().find(|line| line.starts_with("key")).unwrap();
    let alone = Keyring::parse(format!("stator-keyring 1\n{newest}\n").as_bytes()).unwrap();
    assert!(KeyTable::decode(&before, &alone).is_err());
    let again = KeyTable::decode(&after, &alone).unwrap();
    // And they are the same data keys.
    let mut sealed = [0; 21];
    group_keys(&table).sealing(1, place(1)).unwrap().key.seal(8, b"h", b"hello", &mut sealed);
    let mut opened = [0; 5];
    group_keys(&again).opening(1, 1, place(1)).unwrap().open(8, b"h", &sealed, &mut opened).unwrap();
    assert_eq!(&opened, b"hello");
}

#[test]
fn a_record_opens_where_it_was_sealed_and_nowhere_else() {
    let mut random = counter();
    let keyring = Keyring::draw(&mut random);
    let mut keys = group_keys(&small_table(&keyring, &mut random));
    let mut sealed = [0; 21];
    let sealing = keys.sealing(3, place(5)).unwrap();
    assert_eq!(sealing.version, 2);
    sealing.key.seal(4160, b"header", b"hello", &mut sealed);
    let here = place(5);
    let elsewhere = [
        (3, 1, here, 4160),
        (1, 1, here, 4160),
        (3, 2, here, 4168),
        (3, 2, place(6), 4160),
        (3, 2, KeyPlace { journal_id: 9, ..here }, 4160),
        (3, 2, KeyPlace { epoch: 9, ..here }, 4160),
        (3, 2, KeyPlace { opening: 9, ..here }, 4160),
    ];
    let mut opened = [0; 5];
    for (group, version, place, offset) in elsewhere {
        let key = keys.opening(group, version, place).unwrap();
        assert!(key.open(offset, b"header", &sealed, &mut opened).is_err(), "{group} {version} {place:?} {offset}");
    }
    let key = keys.opening(3, 2, here).unwrap();
    assert!(key.open(4160, b"another", &sealed, &mut opened).is_err());
    key.open(4160, b"header", &sealed, &mut opened).unwrap();
    assert_eq!(&opened, b"hello");
}

#[test]
fn a_missing_key_says_why() {
    let mut random = counter();
    let keyring = Keyring::draw(&mut random);
    let mut table = small_table(&keyring, &mut random);
    assert!(table.remove(KeyOwner(1)));
    assert!(!table.remove(KeyOwner(1)));
    let mut keys = group_keys(&KeyTable::decode(&table.encode(), &keyring).unwrap());
    assert_eq!(keys.opening(1, 1, place(1)).err(), Some(NoKey::Shredded));
    assert_eq!(keys.opening(4, 1, place(1)).err(), Some(NoKey::Unknown));
    assert_eq!(keys.opening(3, 9, place(1)).err(), Some(NoKey::Version { owner: KeyOwner(2), version: 9 }));
    assert!(keys.sealing(1, place(1)).is_none());
    let mut wrapping = Wrapping { master: keyring.newest(), random: &mut random };
    for _ in 1..DATA_KEY_COUNT_MAX {
        table.rotate(KeyOwner::CATALOG, &mut wrapping).unwrap().unwrap();
    }
    assert_eq!(table.rotate(KeyOwner::CATALOG, &mut wrapping).unwrap().unwrap_err(), KeyLimit);
    assert!(table.rotate(KeyOwner(1), &mut wrapping).is_none());
    KeyTable::decode(&table.encode(), &keyring).unwrap();
}

/// A table may be deleted while the file with its rotated keys is being written: its keys would come back into memory, for good.
#[test]
fn rotated_keys_take_the_place_of_those_that_are_there_alone() {
    let mut random = counter();
    let keyring = Keyring::draw(&mut random);
    let mut table = small_table(&keyring, &mut random);
    let mut keys = group_keys(&table);
    let mut wrapping = Wrapping { master: keyring.newest(), random: &mut random };
    let rotated = table.rotate(KeyOwner(1), &mut wrapping).unwrap().unwrap();
    keys.forget(1);
    keys.renew(&rotated);
    assert!(!keys.knows(1));
    assert_eq!(keys.opening(1, 1, place(1)).err(), Some(NoKey::Shredded));
    assert_eq!(keys.sealing(2, place(1)).unwrap().version, 2);
}

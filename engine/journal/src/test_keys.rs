//! Keys for the tests of this room's parts: the same in each.

use security::{GroupKeys, KeyTable, Keyring, Wrapping};

/// The keys of one group.
pub(crate) fn keys_of(group: u64) -> GroupKeys {
    let mut random = |out: &mut [u8]| out.fill(7);
    let keyring = Keyring::draw(&mut random);
    let table = KeyTable::new(group, &mut Wrapping { master: keyring.newest(), random: &mut random });
    GroupKeys::new(&table.owners().cloned().collect::<Vec<_>>(), table.last_group())
}

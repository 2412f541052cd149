//! Master keys that a key service wraps, on a whole node: at the first start and every other, when they change, from the keyring to the service and
//! back, while the service fails, and while the power goes at every write boundary.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use std::path::Path;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use engine::inspect::{InspectOptions, Inspection};
use engine::{EngineOptions, KeyService, KeyServiceError, Rotation};
use runtime::simulated::{Halt, Machine, MachineOptions};
use security::{Keyring, MasterKey, MasterKeyId, Secret, WrappedKey};
use sim::{Caller, Node, node_options, seeds};

const KEYRING: &str = "/disk-0/data/keyring";
const KEYS: &str = "/disk-0/data/keys";
const SERVICE_KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234";

/// A service that wraps by turning every bit, and fails as it is told.
#[derive(Debug, Default)]
struct Turning {
    makes_keys: bool,
    drawn: AtomicU8,
    call_count: AtomicU64,
    /// How the next calls end, the next one last.
    faults: Mutex<Vec<Fault>>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Unavailable,
    Refused,
    OtherKey,
}

impl Turning {
    fn new(makes_keys: bool) -> Arc<Turning> {
        Arc::new(Turning { makes_keys, ..Turning::default() })
    }

    fn fail(&self, faults: &[Fault]) {
        *self.faults.lock().unwrap() = faults.to_vec();
    }

    fn calls(&self) -> u64 {
        self.call_count.swap(0, Ordering::Relaxed)
    }

    /// The key that is to come, or another one.
    fn answer(&self, byte: u8) -> Result<Secret, KeyServiceError> {
        self.call_count.fetch_add(1, Ordering::Relaxed);
        match self.faults.lock().unwrap().pop() {
            Some(Fault::Unavailable) => Err(KeyServiceError::Unavailable("the service is away".to_owned())),
            Some(Fault::Refused) => Err(KeyServiceError::Refused("the service says no".to_owned())),
            Some(Fault::OtherKey) => Ok(Secret::new([99; 32])),
            None => Ok(Secret::new([byte; 32])),
        }
    }
}

impl KeyService for Turning {
    fn makes_keys(&self) -> bool {
        self.makes_keys
    }

    fn make(&self, _now_ms: u64) -> Result<(Secret, WrappedKey), KeyServiceError> {
        let byte = self.drawn.fetch_add(1, Ordering::Relaxed) + 1;
        Ok((self.answer(byte)?, WrappedKey::new(SERVICE_KEY, &[!byte; 32]).unwrap()))
    }

    fn unwrap(&self, wrapped: &WrappedKey, _now_ms: u64) -> Result<Secret, KeyServiceError> {
        assert_eq!(wrapped.service_key(), SERVICE_KEY);
        self.answer(!wrapped.blob()[0])
    }
}

fn machine(seed: u64) -> Machine {
    security::audit::begin();
    Machine::with(MachineOptions { core_count: 2, ..MachineOptions::new(seed) })
}

fn options(service: Option<&Arc<Turning>>) -> EngineOptions {
    EngineOptions {
        key_service: service.map(|service| Arc::clone(service) as Arc<dyn KeyService>),
        ..node_options(&["/disk-0/data"])
    }
}

/// Starts the node anew and does `work` on it; `Ok(Err)` if it cannot open.
fn try_live<T>(
    machine: &Machine,
    service: Option<&Arc<Turning>>,
    work: impl AsyncFnOnce(&Caller) -> T,
) -> Result<Result<T, String>, Halt> {
    machine.restart();
    let node = Node::start(machine, &options(service));
    machine.run(async {
        node.opened().await?;
        Ok(work(&node.caller()).await)
    })
}

fn live<T>(machine: &Machine, service: Option<&Arc<Turning>>, work: impl AsyncFnOnce(&Caller) -> T) -> T {
    let lived = try_live(machine, service, work).expect("nothing goes down");
    lived.unwrap_or_else(|failure| panic!("it opens: {failure}"))
}

fn rotate(machine: &Machine, service: Option<&Arc<Turning>>) -> Result<String, String> {
    live(machine, service, async |caller| caller.rotate_keys(Rotation::Master).await)
}

/// What the node says when it cannot open, or does not rotate.
fn check(refusal: Result<String, String>, phrases: &[&str]) {
    let refusal = refusal.unwrap_err();
    assert!(phrases.iter().all(|phrase| refusal.contains(phrase)), "{refusal}");
}

fn open(machine: &Machine, service: Option<&Arc<Turning>>) -> Result<String, String> {
    try_live(machine, service, async |_| String::new()).expect("nothing goes down")
}

fn read(machine: &Machine, path: &str) -> Vec<u8> {
    machine.disk().read_live(Path::new(path))
}

fn keyring(machine: &Machine) -> Keyring {
    Keyring::parse(&read(machine, KEYRING)).unwrap()
}

fn wraps(machine: &Machine) -> MasterKeyId {
    security::KeyTable::decode_master(&read(machine, KEYS)).unwrap()
}

fn key(byte: u8) -> MasterKeyId {
    MasterKey::new(Secret::new([byte; 32])).id()
}

/// Whether there is no file of any kind with a key that the service made, in clear.
fn assert_nothing_in_clear(machine: &Machine, made: u8) {
    for (path, _) in machine.disk().files() {
        let bytes = machine.disk().read_live(&path);
        for byte in 1..=made {
            let hexadecimal = format!("{byte:02x}").repeat(32);
            let is_in_clear = bytes.windows(64).any(|window| window == hexadecimal.as_bytes());
            assert!(!is_in_clear && !bytes.windows(32).any(|window| window == [byte; 32]), "{}", path.display());
        }
    }
}

#[test]
fn a_service_makes_the_first_key_and_unwraps_it_at_every_start() {
    let (machine, service) = (machine(1), Turning::new(true));
    live(&machine, Some(&service), async |_| ());
    assert_eq!(service.calls(), 2, "made, and unwrapped once to see that it can be");
    assert_eq!((wraps(&machine), keyring(&machine).newest_service_key()), (key(1), Some(SERVICE_KEY)));
    live(&machine, Some(&service), async |_| ());
    assert_eq!(service.calls(), 1);
    let told = rotate(&machine, Some(&service)).unwrap();
    assert!(told.contains("wraps every data key"), "{told}");
    assert_eq!(service.calls(), 3);
    assert_eq!(wraps(&machine), key(2));
    assert!(keyring(&machine).contains(key(1)), "it is not taken out");
    live(&machine, Some(&service), async |_| ());
    assert_eq!(service.calls(), 1, "the older one is not unwrapped any more");
    assert_nothing_in_clear(&machine, 2);
}

#[test]
fn keys_move_from_the_keyring_to_the_service_and_back() {
    let machine = machine(2);
    let (making, unwrapping) = (Turning::new(true), Turning::new(false));
    live(&machine, None, async |_| ());
    let in_clear = wraps(&machine);
    live(&machine, Some(&making), async |_| ());
    assert_eq!((wraps(&machine), making.calls()), (in_clear, 0), "a start alone changes no key");
    rotate(&machine, Some(&making)).unwrap();
    assert_eq!((wraps(&machine), making.calls()), (key(1), 2));
    assert!(keyring(&machine).find(in_clear).is_some());
    check(open(&machine, None), &[KEYRING, SERVICE_KEY, "--kms-endpoint"]);
    // And back: a service that makes none unwraps the one that wraps still.
    rotate(&machine, Some(&unwrapping)).unwrap();
    assert_eq!(unwrapping.calls(), 1);
    assert_eq!(keyring(&machine).newest_service_key(), None);
    live(&machine, None, async |_| ());
    rotate(&machine, None).unwrap();
}

#[test]
fn a_service_that_fails_changes_nothing() {
    use Fault::{OtherKey, Refused, Unavailable};
    let (machine, service) = (machine(3), Turning::new(true));
    let first_start = |faults: &[Fault], phrases: &[&str]| {
        service.fail(faults);
        check(open(&machine, Some(&service)), phrases);
        let written =
            machine.disk().files().into_iter().any(|(path, _)| path == Path::new(KEYRING) || path == Path::new(KEYS));
        assert!(!written, "{faults:?}");
    };
    first_start(&[Refused], &["no master key could be made", "says no", "nothing was changed"]);
    first_start(&[Unavailable; 3], &["is away"]);
    first_start(&[OtherKey], &[SERVICE_KEY, "unwraps it as"]);
    // The first call makes it, the second unwraps it again.
    service.drawn.store(10, Ordering::Relaxed);
    service.fail(&[Unavailable, Unavailable]);
    live(&machine, Some(&service), async |_| ());
    let (ring, keys) = (read(&machine, KEYRING), read(&machine, KEYS));
    let check_same = || assert_eq!((read(&machine, KEYRING), read(&machine, KEYS)), (ring.clone(), keys.clone()));

    for (faults, phrases) in [
        (&[Refused][..], &[KEYRING, "cannot be unwrapped", "says no"][..]),
        (&[Unavailable; 3], &["is away", "nothing was changed"]),
        (&[OtherKey], &["cannot be unwrapped", "it is master key"]),
    ] {
        service.fail(faults);
        check(open(&machine, Some(&service)), phrases);
        check_same();
    }
    live(&machine, Some(&service), async |caller| {
        for (faults, phrases) in [
            (&[Refused][..], &["no master key could be made", "says no"][..]),
            (&[Unavailable; 3], &["is away"]),
            (&[OtherKey], &["unwraps it as"]),
        ] {
            service.fail(faults);
            check(caller.rotate_keys(Rotation::Master).await, phrases);
            check_same();
        }
        // It goes on with the old key, and rotates when the service is there again.
        caller.rotate_keys(Rotation::Catalog).await.unwrap();
        caller.rotate_keys(Rotation::Master).await.unwrap();
    });
    assert_ne!(wraps(&machine), security::KeyTable::decode_master(&keys).unwrap());
}

#[test]
fn the_power_goes_at_every_boundary_of_a_rotation_and_the_keys_are_there() {
    for seed in seeds(0..2) {
        let mut boundary = None;
        loop {
            let (machine, service) = (machine(seed), Turning::new(true));
            live(&machine, Some(&service), async |_| ());
            let first = machine.boundary_count();
            if let Some(boundary) = boundary {
                machine.cut_power_at(boundary);
            }
            let rotated = try_live(&machine, Some(&service), async |caller| caller.rotate_keys(Rotation::Master).await);
            let last = machine.boundary_count();
            machine.cut_power();
            machine.cut_power_at(u64::MAX);
            rotate(&machine, Some(&service)).unwrap();
            live(&machine, Some(&service), async |_| ());
            assert_eq!(wraps(&machine), keyring(&machine).newest_id());
            assert_nothing_in_clear(&machine, service.drawn.load(Ordering::Relaxed));
            if boundary.is_some() && rotated.is_ok() {
                break;
            }
            assert!(last - first > 5 || boundary.is_some());
            boundary = Some(boundary.map_or(first, |boundary| boundary + 1));
        }
    }
}

#[test]
fn an_inspection_unwraps_the_key_that_wraps_and_no_other() {
    let (machine, service) = (machine(5), Turning::new(true));
    live(&machine, Some(&service), async |_| ());
    rotate(&machine, Some(&service)).unwrap();
    machine.restart();
    let inspect = |service: Option<&Arc<Turning>>| {
        let EngineOptions { data_directories, keyring, key_service, .. } = options(service);
        let options = InspectOptions { data_directories, keyring, key_service };
        let runtime = machine.runtime();
        let opened = machine.run(Inspection::open(&runtime, &options)).expect("nothing goes down");
        opened.map(|_| String::new()).map_err(|error| error.to_string())
    };
    service.calls();
    inspect(Some(&service)).unwrap();
    assert_eq!(service.calls(), 1);
    check(inspect(None), &[SERVICE_KEY, "--kms-endpoint"]);
    service.fail(&[Fault::Refused]);
    check(inspect(Some(&service)), &["says no"]);
}

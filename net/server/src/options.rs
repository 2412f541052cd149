//! What the command line and the configuration file say, made into one set of options.
//!
//! A flag wins over the file, the file over the default. Nothing here touches the machine but for
//! reading the configuration file; whether an address or a directory is usable shows when the
//! server opens it.

use crate::kms::KmsArguments;
use clap::{Args, Parser, Subcommand};
use engine::SEGMENT_BYTES;
use serde::Deserialize;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Data directory if none is named.
const DEFAULT_DATA_DIRECTORY: &str = "stator-data";
/// Workers that one node may have.
pub(crate) const WORKER_COUNT_MAX: usize = 256;
/// Least budget of a node; each of its workers needs a part of it (`serve.rs`).
pub(crate) const MEMORY_BYTES_MIN: u64 = 64 << 20;
/// Least size of a journal segment.
pub(crate) const SEGMENT_BYTES_MIN: u64 = 4 << 20;
/// Largest size of a journal segment.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// Longest delay of tables' states, a day.
pub(crate) const TABLE_DELAY_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// Longest that items stay after their time, 30 days.
pub(crate) const TTL_DELAY_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1000;

/// How long the scrub takes, unless something else is said: a day.
const SCRUB_PERIOD_S: u64 = 24 * 60 * 60;
/// Longest that it may take: what is not looked at for longer may have lost its last copy by then.
pub(crate) const SCRUB_PERIOD_S_MAX: u64 = 90 * SCRUB_PERIOD_S;

/// Least threshold of a stall: below it the detector has more to do than the cores.
pub(crate) const STALL_THRESHOLD_US_MIN: u64 = 100;
/// Largest one: past ten seconds the watchdog is about to end the process.
pub(crate) const STALL_THRESHOLD_US_MAX: u64 = 10_000_000;

/// DynamoDB on your own machines: durable, and as fast as the hardware.
#[derive(Debug, Parser)]
#[command(name = "stator", version, about)]
pub(crate) struct CommandLine {
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the database.
    Serve(Box<ServeArguments>),
    /// Look at the data of a server that is not running: what is there, and whether all of it is as it was written. Writes nothing.
    Inspect(Box<InspectArguments>),
}

impl Default for Command {
    fn default() -> Self {
        Self::Serve(Box::default())
    }
}

/// Flags of `stator serve`, each of which can also stand in the configuration file ([`ServeArguments::read`]).
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ServeArguments {
    /// Directory for the data; give it several times to use several disks [default: ./stator-data]
    #[arg(long = "data-dir", value_name = "DIR")]
    #[serde(default)]
    pub(crate) data_dir: Vec<PathBuf>,

    /// Address of the DynamoDB HTTP API [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) http_address: Option<SocketAddr>,

    /// Address of the binary protocol on the first core; core i listens i ports further, past the other two [default: 127.0.0.1:8001]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) wire_address: Option<SocketAddr>,

    /// Address of /health, /metrics and /keys/rotate [default: 127.0.0.1:8002]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin_address: Option<SocketAddr>,

    /// CPUs to run on: a list (0,1 or, for one alone, 1,) or a number of them (2); 0 is CPU 0 [default: every CPU this process may use]
    #[arg(long, value_name = "LIST|N")]
    pub(crate) cores: Option<CoreChoice>,

    /// Memory that the server may take, in bytes or with a suffix (512M, 8G); data may be many times larger [default: half the machine's]
    #[arg(long, value_name = "BYTES")]
    pub(crate) memory: Option<ByteSize>,

    /// File of the master keys, without which nothing can be read; made at the first start. Kept apart from the data, the data
    /// alone is of no use to a thief; keep a copy in a safe place [default: `keyring` in the first data directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) keyring: Option<PathBuf>,

    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) kms: KmsArguments,

    /// File of the access keys that may call, as AWS's tools write theirs: sections with aws_access_key_id and aws_secret_access_key. Needed
    /// to listen where other machines can call [default: none, and whoever can call may do everything]
    #[arg(long, value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,

    /// Size of one journal segment [default: 64M]
    #[arg(long, value_name = "BYTES")]
    pub(crate) segment_size: Option<ByteSize>,

    /// Milliseconds that tables stay CREATING, UPDATING and DELETING, and that a change of time to live takes to settle [default: 0]
    #[arg(long, value_name = "MS")]
    pub(crate) table_delay_ms: Option<u64>,

    /// Milliseconds that items stay after the time at which they expire [default: 0]
    #[arg(long, value_name = "MS")]
    pub(crate) ttl_delay_ms: Option<u64>,

    /// Seconds in which all that is on the disk is read and checked once, in the background [default: 86400, a day]
    #[arg(long, value_name = "S")]
    pub(crate) scrub_period_s: Option<u64>,

    /// Microseconds that a turn of a core may take; longer ones are written to the log with the stack of the core's thread [default: not looked for]
    #[arg(long, value_name = "US", num_args = 0..=1, default_missing_value = "1000")]
    pub(crate) stall_threshold_us: Option<u64>,

    /// Configuration file (TOML) with these same names as keys
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
}

/// What `stator inspect` is told.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct InspectArguments {
    /// The data directories of the server, all of them, in the order in which it is given them
    #[arg(value_name = "DIR", required = true)]
    pub(crate) directories: Vec<PathBuf>,

    /// File of the master keys [default: `keyring` in the first data directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) keyring: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) kms: KmsArguments,

    /// Print the records of segment N of worker W
    #[arg(long, value_name = "W/N", conflicts_with_all = ["file", "verify"])]
    pub(crate) segment: Option<SegmentName>,

    /// Print the blocks and entries of the sorted file that has this id
    #[arg(long, value_name = "ID", value_parser = file_id, conflicts_with = "verify")]
    pub(crate) file: Option<u64>,

    /// Read everything and print one line for each thing that is not as it was written; exit code 1 if there is any
    #[arg(long)]
    pub(crate) verify: bool,
}

/// A segment of a worker, written as W/N.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentName {
    pub(crate) worker: u16,
    pub(crate) segment: u32,
}

/// Which CPUs to use.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "CoreText")]
pub(crate) enum CoreChoice {
    /// These CPUs, one worker each.
    List(Vec<usize>),
    /// That many of the CPUs that this process may use.
    Count(usize),
}

/// A number of bytes, written plainly or with a suffix K, M, G, T (powers of 1,024).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "SizeText")]
pub(crate) struct ByteSize(pub(crate) u64);

/// Everything that `serve` needs to know, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServeOptions {
    /// At least one directory.
    pub(crate) data_directories: Vec<PathBuf>,
    /// Where the HTTP API listens.
    pub(crate) http_address: SocketAddr,
    /// Where the first core's binary protocol listens.
    pub(crate) wire_address: SocketAddr,
    /// Where /health, /metrics and /keys/rotate are.
    pub(crate) admin_address: SocketAddr,
    /// CPUs, or `None` for all that the process may use.
    pub(crate) cores: Option<CoreChoice>,
    /// Memory that the server may take in bytes, or `None` for half the machine's memory.
    pub(crate) memory_bytes: Option<u64>,
    /// The file of the master keys, or `None` for `keyring` in the first data directory.
    pub(crate) keyring: Option<PathBuf>,
    /// What names a key service.
    pub(crate) kms: KmsArguments,
    /// The file of the access keys that may call, or `None`: whoever can call may.
    pub(crate) credentials: Option<PathBuf>,
    /// Size of one journal segment.
    pub(crate) segment_bytes: u64,
    /// How long tables stay in the states between, in milliseconds.
    pub(crate) table_delay_ms: u64,
    /// How long items stay after the time at which they expire, in milliseconds.
    pub(crate) ttl_delay_ms: u64,
    /// How long the scrub takes to read all that is on the disk once, in seconds.
    pub(crate) scrub_period_s: u64,
    /// How long a turn of a core may take, in microseconds, or `None` if stalls are not looked for.
    pub(crate) stall_threshold_us: Option<u64>,
}

/// Why options cannot be used; the text says what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OptionsError(pub(crate) String);

impl fmt::Display for OptionsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl ServeArguments {
    /// What a configuration file says: its keys are the names of the flags.
    ///
    /// # Errors
    /// What is wrong with it.
    fn read(text: &str) -> Result<Self, String> {
        let keys: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
        let names = Self::names();
        // serde cannot refuse what it does not know where one structure's keys stand among another's.
        if let Some(unknown) = keys.keys().find(|key| !names.contains(key)) {
            return Err(format!("`{unknown}` is none of the keys that it can have: {}", names.join(", ")));
        }
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// The names of the flags that a configuration file may have as keys.
    fn names() -> Vec<String> {
        let flags = Self::augment_args(clap::Command::new("serve"));
        flags
            .get_arguments()
            .filter_map(|flag| flag.get_long())
            .filter(|name| *name != "config")
            .map(str::to_owned)
            .collect()
    }
}

impl ServeOptions {
    /// Merges flags with the configuration file that they name, and fills in defaults.
    ///
    /// # Errors
    /// A text that says which value is wrong and what to do.
    pub(crate) fn resolve(
        flags: ServeArguments,
        read_file: impl Fn(&Path) -> std::io::Result<String>,
    ) -> Result<Self, OptionsError> {
        let file = match &flags.config {
            None => ServeArguments::default(),
            Some(path) => {
                let text = read_file(path).map_err(|error| {
                    OptionsError(format!("cannot read the configuration file {}: {error}", path.display()))
                })?;
                ServeArguments::read(&text).map_err(|error| {
                    OptionsError(format!("the configuration file {} is not valid: {error}", path.display()))
                })?
            }
        };
        let http_address = flags.http_address.or(file.http_address).unwrap_or_else(|| loopback(8000));
        let wire_address = flags.wire_address.or(file.wire_address).unwrap_or_else(|| loopback(8001));
        let options = Self {
            data_directories: [flags.data_dir, file.data_dir, vec![PathBuf::from(DEFAULT_DATA_DIRECTORY)]]
                .into_iter()
                .find(|directories| !directories.is_empty())
                .expect("the default names one directory"),
            http_address,
            wire_address,
            admin_address: flags.admin_address.or(file.admin_address).unwrap_or_else(|| loopback(8002)),
            cores: flags.cores.or(file.cores),
            memory_bytes: flags.memory.or(file.memory).map(|size| size.0),
            keyring: flags.keyring.or(file.keyring),
            kms: flags.kms.or(file.kms),
            credentials: flags.credentials.or(file.credentials),
            segment_bytes: flags.segment_size.or(file.segment_size).map_or(SEGMENT_BYTES, |size| size.0),
            table_delay_ms: flags.table_delay_ms.or(file.table_delay_ms).unwrap_or(0),
            ttl_delay_ms: flags.ttl_delay_ms.or(file.ttl_delay_ms).unwrap_or(0),
            scrub_period_s: flags.scrub_period_s.or(file.scrub_period_s).unwrap_or(SCRUB_PERIOD_S),
            stall_threshold_us: flags.stall_threshold_us.or(file.stall_threshold_us),
        };
        options.check()?;
        Ok(options)
    }

    fn check(&self) -> Result<(), OptionsError> {
        let directories = &self.data_directories;
        let twice = (1..directories.len()).find(|place| directories[..*place].contains(&directories[*place]));
        if let Some(place) = twice {
            let path = directories[place].display();
            return Err(OptionsError(format!("--data-dir {path} is named twice: name each directory once")));
        }
        for (flag, address) in [("--http-address", self.http_address), ("--wire-address", self.wire_address)] {
            if !address.ip().is_loopback() && self.credentials.is_none() {
                return Err(OptionsError(format!(
                    "{flag} {address} can be reached from other machines, and nobody is asked who they are: name the file of those \
                     who may call with --credentials, or listen on a loopback address such as 127.0.0.1:{}",
                    address.port()
                )));
            }
        }
        if !self.admin_address.ip().is_loopback() {
            return Err(OptionsError(format!(
                "--admin-address {} can be reached from other machines, and nobody is asked there who they are: listen on a \
                 loopback address such as 127.0.0.1:{} and put a proxy that authenticates in front of it",
                self.admin_address,
                self.admin_address.port()
            )));
        }
        if self.table_delay_ms > TABLE_DELAY_MS_MAX {
            return Err(OptionsError(format!("--table-delay-ms must be at most {TABLE_DELAY_MS_MAX}, which is a day")));
        }
        if self.ttl_delay_ms > TTL_DELAY_MS_MAX {
            return Err(OptionsError(format!("--ttl-delay-ms must be at most {TTL_DELAY_MS_MAX}, which is 30 days")));
        }
        if !(1..=SCRUB_PERIOD_S_MAX).contains(&self.scrub_period_s) {
            return Err(OptionsError(format!(
                "--scrub-period-s must be from 1 to {SCRUB_PERIOD_S_MAX}, which is 90 days"
            )));
        }
        let stall_range = STALL_THRESHOLD_US_MIN..=STALL_THRESHOLD_US_MAX;
        if self.stall_threshold_us.is_some_and(|threshold| !stall_range.contains(&threshold)) {
            return Err(OptionsError(format!(
                "--stall-threshold-us must be from {STALL_THRESHOLD_US_MIN} to {STALL_THRESHOLD_US_MAX}"
            )));
        }
        if self.memory_bytes.is_some_and(|bytes| bytes < MEMORY_BYTES_MIN) {
            return Err(OptionsError(format!("--memory must be at least {} MiB", MEMORY_BYTES_MIN >> 20)));
        }
        let segment_is_usable = (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&self.segment_bytes);
        if !segment_is_usable || !self.segment_bytes.is_multiple_of(4096) {
            return Err(OptionsError(format!(
                "--segment-size must be a multiple of 4096 from {} MiB to {} MiB",
                SEGMENT_BYTES_MIN >> 20,
                SEGMENT_BYTES_MAX >> 20
            )));
        }
        Ok(())
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

impl std::str::FromStr for SegmentName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('/').map(|(worker, segment)| (worker.parse(), segment.parse()));
        match numbers {
            Some((Ok(worker), Ok(segment))) => Ok(Self { worker, segment }),
            _ => Err(format!("`{text}` is not a worker and a segment, such as 0/17")),
        }
    }
}

/// An id as files are named by: hexadecimal digits, with the name before them or without.
fn file_id(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("sstable-").unwrap_or(text);
    u64::from_str_radix(digits, 16).map_err(|_| format!("`{text}` is not the id of a file, such as 00e1f0a27c5b9d34"))
}

impl std::str::FromStr for CoreChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |part: &str| {
            part.trim()
                .parse::<usize>()
                .map_err(|_| format!("`{part}` is not a CPU's number: write a list such as 0,1 or a count such as 2"))
        };
        if !text.contains(',') {
            return match number(text)? {
                // No cores at all cannot be meant: it is the CPU of that number.
                0 => Ok(Self::List(vec![0])),
                count if count > WORKER_COUNT_MAX => Err(format!("at most {WORKER_COUNT_MAX} cores can be used")),
                count => Ok(Self::Count(count)),
            };
        }
        let list = text.split(',').filter(|part| !part.trim().is_empty()).map(number).collect::<Result<Vec<_>, _>>()?;
        let mut sorted = list.clone();
        sorted.sort_unstable();
        sorted.dedup();
        match list.len() {
            0 => Err("the list of cores is empty".to_owned()),
            count if count != sorted.len() => Err("a core stands twice in the list".to_owned()),
            count if count > WORKER_COUNT_MAX => Err(format!("at most {WORKER_COUNT_MAX} cores can be used")),
            _ => Ok(Self::List(list)),
        }
    }
}

impl std::str::FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.trim_end_matches(['K', 'M', 'G', 'T']);
        let shift = match &text[digits.len()..] {
            "" => 0,
            "K" => 10,
            "M" => 20,
            "G" => 30,
            "T" => 40,
            _ => return Err(format!("`{text}` has more than one suffix")),
        };
        digits
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(1 << shift))
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a size: write bytes, or a number with K, M, G or T"))
    }
}

/// `cores` in the file: a number or a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum CoreText {
    Count(usize),
    List(Vec<usize>),
    Text(String),
}

impl TryFrom<CoreText> for CoreChoice {
    type Error = String;

    fn try_from(text: CoreText) -> Result<Self, Self::Error> {
        match text {
            CoreText::Count(count) => count.to_string().parse(),
            CoreText::List(list) => list.iter().map(|cpu| format!("{cpu},")).collect::<String>().parse(),
            CoreText::Text(text) => text.parse(),
        }
    }
}

/// A size in the file: a number or a text with a suffix.
#[derive(Deserialize)]
#[serde(untagged)]
enum SizeText {
    Number(u64),
    Text(String),
}

impl TryFrom<SizeText> for ByteSize {
    type Error = String;

    fn try_from(text: SizeText) -> Result<Self, Self::Error> {
        match text {
            SizeText::Number(bytes) => Ok(Self(bytes)),
            SizeText::Text(text) => text.parse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(arguments: &[&str], file: &str) -> Result<ServeOptions, OptionsError> {
        let line = CommandLine::try_parse_from([&["stator", "serve"], arguments].concat())
            .map_err(|error| OptionsError(error.to_string()))?;
        let Some(Command::Serve(flags)) = line.command else { panic!("not serve") };
        ServeOptions::resolve(*flags, |_| Ok(file.to_owned()))
    }

    #[test]
    fn defaults_are_those_of_the_contract() {
        let options = resolve(&[], "").unwrap();
        assert_eq!(options.data_directories, [PathBuf::from("stator-data")]);
        assert_eq!(options.http_address.to_string(), "127.0.0.1:8000");
        assert_eq!(options.wire_address.to_string(), "127.0.0.1:8001");
        assert_eq!(options.admin_address.to_string(), "127.0.0.1:8002");
        assert_eq!(options.cores, None);
        assert_eq!((options.table_delay_ms, options.ttl_delay_ms, options.scrub_period_s), (0, 0, 86_400));
        assert_eq!(options.stall_threshold_us, None);
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let file = "data-dir = [\"/a\", \"/b\"]\nhttp-address = \"127.0.0.1:1\"\ncores = [1, 0]\nmemory = \"1G\"\n";
        let options = resolve(&["--config", "x", "--http-address", "127.0.0.1:2"], file).unwrap();
        assert_eq!(options.data_directories, [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert_eq!(options.http_address.port(), 2);
        assert_eq!(options.cores, Some(CoreChoice::List(vec![1, 0])));
        assert_eq!(options.memory_bytes, Some(1 << 30));
        let keyring = |arguments: &[&str], file| resolve(arguments, file).unwrap().keyring;
        assert_eq!(keyring(&["--config", "x"], "keyring = \"/safe/ring\""), Some(PathBuf::from("/safe/ring")));
        assert_eq!((keyring(&["--keyring", "ring"], ""), keyring(&[], "")), (Some(PathBuf::from("ring")), None));
        let everywhere = ["--http-address", "0.0.0.0:8000", "--wire-address", "[::]:8001", "--config", "x"];
        let options = resolve(&everywhere, "credentials = \"/safe/keys\"").unwrap();
        assert_eq!(options.credentials, Some(PathBuf::from("/safe/keys")));
        let file = "kms-endpoint = \"https://a\"\nkms-key-id = \"k\"\nkms-region = \"r\"\nkms-timeout-ms = 9\n";
        let kms = resolve(&["--config", "x", "--kms-key-id", "alias/mine"], file).unwrap().kms;
        assert_eq!((kms.endpoint.as_deref(), kms.key_id.as_deref()), (Some("https://a"), Some("alias/mine")));
        assert_eq!((kms.region.as_deref(), kms.timeout_ms), (Some("r"), Some(9)));
        assert_eq!(resolve(&["--config", "x"], "table-delay-ms = 250").unwrap().table_delay_ms, 250);
        assert_eq!(resolve(&["--config", "x"], "ttl-delay-ms = 250").unwrap().ttl_delay_ms, 250);
        assert_eq!(resolve(&["--scrub-period-s", "60"], "").unwrap().scrub_period_s, 60);
        let threshold = |arguments: &[&str], file| resolve(arguments, file).unwrap().stall_threshold_us;
        assert_eq!(threshold(&["--stall-threshold-us"], ""), Some(1000));
        assert_eq!(threshold(&["--stall-threshold-us", "5000"], ""), Some(5000));
        assert_eq!(threshold(&["--config", "x"], "stall-threshold-us = 2000"), Some(2000));
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_a_text_that_helps() {
        let check = |arguments: &[&str], file: &str, phrase: &str| {
            let error = resolve(arguments, file).unwrap_err();
            assert!(error.0.contains(phrase), "{error}");
        };
        check(&["--http-address", "0.0.0.0:8000"], "", "with --credentials");
        check(&["--wire-address", "[::]:8001"], "", "with --credentials");
        check(&["--admin-address", "0.0.0.0:8002", "--credentials", "x"], "", "a proxy that authenticates");
        check(&["--data-dir", "a", "--data-dir", "b", "--data-dir", "a"], "", "a is named twice");
        check(&["--cores", "0,0"], "", "stands twice");
        check(&["--cores", "x"], "", "not a CPU's number");
        check(&["--memory", "1M"], "", "at least 64 MiB");
        check(&["--memory", "12Q"], "", "not a size");
        check(&["--table-delay-ms", "86400001"], "", "at most 86400000");
        check(&["--ttl-delay-ms", "2592000001"], "", "at most 2592000000");
        check(&["--scrub-period-s", "0"], "", "from 1 to");
        check(&["--segment-size", "5000000"], "", "multiple of 4096");
        check(&["--stall-threshold-us", "10"], "", "from 100 to 10000000");
        check(&["--config", "x"], "unknown = 1", "not valid: `unknown` is none of the keys");
        check(&["--config", "x"], "config = \"y\"", "`config` is none of the keys");
        check(&["--config", "x"], "kms-unknown = 1", "`kms-unknown` is none of the keys");
        check(&["--config", "x"], "[kms]\nregion = \"r\"", "`kms` is none of the keys");
        check(&["--config", "x"], "memory = ", "not valid");
    }

    #[test]
    fn every_flag_is_a_key_of_the_file() {
        let names = ServeArguments::names();
        assert!(names.contains(&"data-dir".to_owned()) && names.contains(&"kms-timeout-ms".to_owned()), "{names:?}");
        for name in names {
            // No flag is a table: a key that is read refuses it, one that is passed over does not.
            let error = resolve(&["--config", "x"], &format!("{name} = {{}}")).unwrap_err();
            assert!(error.0.contains("not valid"), "{name}: {error}");
        }
    }

    #[test]
    fn what_is_inspected_is_read_from_the_command_line() {
        let parse = |arguments: &[&str]| {
            let line = CommandLine::try_parse_from([&["stator", "inspect"], arguments].concat());
            line.map_err(|error| error.to_string()).map(|line| match line.command {
                Some(Command::Inspect(arguments)) => *arguments,
                other => panic!("{other:?}"),
            })
        };
        let read = parse(&["a", "b", "--segment", "1/17"]).unwrap();
        assert_eq!((read.directories.len(), read.segment), (2, Some(SegmentName { worker: 1, segment: 17 })));
        let read = parse(&["a", "--kms-endpoint", "https://a", "--kms-timeout-ms", "9"]).unwrap();
        assert_eq!((read.kms.endpoint.as_deref(), read.kms.timeout_ms), (Some("https://a"), Some(9)));
        for id in ["sstable-00000000000000ff", "ff"] {
            assert_eq!(parse(&["a", "--file", id]).unwrap().file, Some(255));
        }
        for wrong in [
            &[][..],
            &["a", "--segment", "17"],
            &["a", "--segment", "x/1"],
            &["a", "--file", "tables"],
            &["a", "--file", "1", "--verify"],
            &["a", "--segment", "0/1", "--verify"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        CommandLine::command().debug_assert();
    }
}

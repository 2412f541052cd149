//! Who may call: the file that `--credentials` names, read once at the start.

use auth::AccessKeys;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A file that is longer is none of credentials.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The access keys of the file. Whoever else can read it is warned of in the log.
///
/// # Errors
/// One line for the user that says what is wrong and what to do.
pub(crate) fn open(path: &Path) -> Result<Arc<AccessKeys>, String> {
    let failed = |reason: &dyn std::fmt::Display| format!("cannot use the credentials in {}: {reason}", path.display());
    let metadata = fs::metadata(path).map_err(|error| failed(&error))?;
    if metadata.len() > FILE_BYTES_MAX {
        return Err(failed(&format_args!("it is longer than {} MiB", FILE_BYTES_MAX >> 20)));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!("{} can be read by others on this machine: chmod 600", path.display());
    }
    let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| failed(&error))?;
    AccessKeys::parse(&text).map(Arc::new).map_err(|error| failed(&error))
}

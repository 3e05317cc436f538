//! Identities and secrets of meshes on disk: one file each, which nobody but its owner may read.
//!
//! Knows files, their rights and the system's entropy; what a key is, `identity` knows, and what a
//! secret is, `secret`. Nothing that is there is ever replaced.

mod file;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::identity::{Identity, IdentityError, KEY_LEN};
use crate::secret::{GENERATED_LEN, MeshSecret, SecretError};

impl Identity {
    /// A new identity, drawn by the operating system.
    ///
    /// # Errors
    ///
    /// [`KeystoreError::Entropy`].
    pub fn generate() -> Result<Self, KeystoreError> {
        let secret = draw::<KEY_LEN>()?;
        Self::from_secret(&secret).map_err(|error| KeystoreError::Entropy(io::Error::other(error)))
    }

    /// Reads the identity in a file.
    ///
    /// # Errors
    ///
    /// [`KeystoreError`]; among others where the file is damaged, or others than its owner may read
    /// or change it.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, KeystoreError> {
        let path = path.as_ref();
        Self::from_pem(&file::read(path)?)
            .map_err(|error| KeystoreError::Damaged { path: path.to_owned(), error })
    }

    /// Writes the identity to a new file, which its owner alone may read.
    ///
    /// # Errors
    ///
    /// [`KeystoreError::Io`]; also where there is a file of that name, which is never replaced.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), KeystoreError> {
        let path = path.as_ref();
        let pem = self
            .to_pem()
            .map_err(|error| KeystoreError::Damaged { path: path.to_owned(), error })?;
        file::write(path, &pem)
    }

    /// Reads the identity in a file, or makes one and writes it there if there is no such file.
    ///
    /// # Errors
    ///
    /// Those of [`Identity::load`] and [`Identity::save`]. What is there is never replaced.
    pub fn load_or_create(path: impl AsRef<Path>) -> Result<Self, KeystoreError> {
        let path = path.as_ref();
        match Self::load(path) {
            Err(KeystoreError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => return outcome,
        }
        let identity = Self::generate()?;
        match identity.save(path) {
            // Somebody else was faster.
            Err(KeystoreError::Io { error, .. })
                if error.kind() == io::ErrorKind::AlreadyExists =>
            {
                Self::load(path)
            }
            saved => saved.map(|()| identity),
        }
    }
}

impl MeshSecret {
    /// A new secret of 32 bytes, drawn by the operating system.
    ///
    /// # Errors
    ///
    /// [`KeystoreError::Entropy`].
    pub fn generate() -> Result<Self, KeystoreError> {
        let bytes = draw::<GENERATED_LEN>()?;
        Self::from_bytes(&*bytes).map_err(|error| KeystoreError::Entropy(io::Error::other(error)))
    }

    /// Reads the secret in a file.
    ///
    /// # Errors
    ///
    /// [`KeystoreError`]; among others where the file is damaged, or others than its owner may read
    /// or change it.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, KeystoreError> {
        let path = path.as_ref();
        Self::from_pem(&file::read(path)?)
            .map_err(|error| KeystoreError::BadSecret { path: path.to_owned(), error })
    }

    /// Writes the secret to a new file, which its owner alone may read.
    ///
    /// # Errors
    ///
    /// [`KeystoreError::Io`]; also where there is a file of that name, which is never replaced.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), KeystoreError> {
        let path = path.as_ref();
        let pem = self
            .to_pem()
            .map_err(|error| KeystoreError::BadSecret { path: path.to_owned(), error })?;
        file::write(path, &pem)
    }
}

/// Random bytes from the operating system.
fn draw<const LEN: usize>() -> Result<Zeroizing<[u8; LEN]>, KeystoreError> {
    let mut bytes = Zeroizing::new([0; LEN]);
    SysRng
        .try_fill_bytes(bytes.as_mut())
        .map_err(|error| KeystoreError::Entropy(io::Error::other(error)))?;
    Ok(bytes)
}

/// Why there is no identity, or no secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeystoreError {
    /// The operating system gave no entropy for a new key.
    Entropy(io::Error),
    /// The file could not be read or written.
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// Others than its owner may read or change the file. `chmod 600` mends that; whether somebody
    /// has read it already, its owner must judge.
    OpenToOthers {
        /// Which file.
        path: PathBuf,
    },
    /// The file holds no key.
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: IdentityError,
    },
    /// The file holds no secret of a mesh.
    BadSecret {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: SecretError,
    },
}

impl fmt::Display for KeystoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entropy(error) => write!(f, "no key could be drawn: {error}"),
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::OpenToOthers { path } => {
                write!(f, "{}: others may read or change this file; chmod 600 it", path.display())
            }
            Self::Damaged { path, error } => write!(f, "{}: {error}", path.display()),
            Self::BadSecret { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl Error for KeystoreError {}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder that goes with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("rs2p-keystore-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn an_identity_is_made_once_and_found_again() {
        let folder = Folder::new("once");
        let path = folder.0.join("key");
        let made = Identity::load_or_create(&path).unwrap();
        let found = Identity::load_or_create(&path).unwrap();
        assert_eq!(made.public_key(), found.public_key());
        assert_ne!(Identity::generate().unwrap().public_key(), made.public_key());
        let again = made.save(&path);
        assert!(matches!(&again, Err(KeystoreError::Io { .. })), "{again:?}");
    }

    #[test]
    fn of_many_who_make_an_identity_at_once_all_get_the_same() {
        let folder = Folder::new("many");
        for round in 0..20 {
            let path = folder.0.join(format!("key-{round}"));
            let keys: Vec<_> = std::thread::scope(|scope| {
                let make = || Identity::load_or_create(&path).unwrap().public_key();
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        }
        // Nobody's draft is left.
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 20);
    }

    #[test]
    fn where_there_can_be_no_file_none_is_made() {
        let folder = Folder::new("nowhere");
        for path in [folder.0.join("missing").join("key"), folder.0.clone(), PathBuf::new()] {
            let outcome = Identity::load_or_create(&path);
            assert!(matches!(outcome, Err(KeystoreError::Io { .. })), "{path:?}: {outcome:?}");
        }
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_stays() {
        let folder = Folder::new("damaged");
        let path = folder.0.join("key");
        Identity::generate().unwrap().save(&path).unwrap();
        let mut pem = fs::read_to_string(&path).unwrap();
        pem.truncate(100);
        fs::write(&path, &pem).unwrap();
        let outcome = Identity::load_or_create(&path);
        assert!(matches!(outcome, Err(KeystoreError::Damaged { .. })), "{outcome:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), pem);
    }

    #[test]
    fn a_secret_is_written_once_and_found_again() {
        let folder = Folder::new("secret");
        let path = folder.0.join("secret");
        let made = MeshSecret::generate().unwrap();
        made.save(&path).unwrap();
        let pem = |secret: MeshSecret| secret.to_pem().unwrap();
        assert_eq!(pem(MeshSecret::load(&path).unwrap()), pem(made.clone()));
        assert_ne!(pem(MeshSecret::generate().unwrap()), pem(made));
        let again = MeshSecret::generate().unwrap().save(&path);
        assert!(matches!(&again, Err(KeystoreError::Io { .. })), "{again:?}");
        // One is not the other.
        let taken = Identity::load(&path);
        assert!(matches!(&taken, Err(KeystoreError::Damaged { .. })), "{taken:?}");
        let key = folder.0.join("key");
        Identity::generate().unwrap().save(&key).unwrap();
        let text = MeshSecret::load(&key).unwrap_err().to_string();
        assert!(text.ends_with("key: not the secret of a mesh"), "{text}");
    }

    #[test]
    fn a_file_may_have_words_around_the_key_but_not_a_book() {
        let folder = Folder::new("words");
        let path = folder.0.join("key");
        Identity::generate().unwrap().save(&path).unwrap();
        let pem = fs::read_to_string(&path).unwrap();
        let with = |len: usize| fs::write(&path, format!("{}\n{pem}", "words ".repeat(len / 6)));
        with(1_000).unwrap();
        Identity::load(&path).unwrap();
        with(20_000).unwrap();
        let outcome = Identity::load(&path);
        assert!(matches!(outcome, Err(KeystoreError::Damaged { .. })), "{outcome:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_secrets_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;

        let folder = Folder::new("open-secret");
        let path = folder.0.join("secret");
        MeshSecret::generate().unwrap().save(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let outcome = MeshSecret::load(&path);
        assert!(matches!(outcome, Err(KeystoreError::OpenToOthers { .. })), "{outcome:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;

        let folder = Folder::new("open");
        let path = folder.0.join("key");
        Identity::generate().unwrap().save(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let outcome = Identity::load(&path);
            assert!(matches!(outcome, Err(KeystoreError::OpenToOthers { .. })), "{mode:o}");
        }
        let nowhere = Identity::load(folder.0.join("other"));
        let text = nowhere.unwrap_err().to_string();
        assert!(text.contains("other: ") && text.contains("No such file"), "{text}");
    }
}

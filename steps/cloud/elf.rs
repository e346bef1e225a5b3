//! What a function's binary needs from the machine it runs on, read from its ELF headers.

use object::Endianness;
use object::elf::{EM_AARCH64, EM_X86_64, ET_DYN, ET_EXEC, FileHeader64};
use object::read::elf::FileHeader;

use super::function_name::Architecture;

/// The glibc of Amazon Linux 2023, which `provided.al2023` is.
pub(super) const GLIBC: (u32, u32) = (2, 34);

/// A version of glibc: major, minor, patch.
type Version = (u32, u32, u32);

/// Why a binary cannot run as a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRunnable {
    /// It is not a 64-bit ELF file, or a damaged one.
    #[error("it is not a 64-bit Linux binary ({0})")]
    NotElf(String),
    /// It is built for another processor.
    #[error("it is built for {found}, and functions.architecture is {wanted}")]
    Architecture {
        /// The processor it is built for.
        found: String,
        /// The processor that the configuration names.
        wanted: &'static str,
    },
    /// It is a library or an object file.
    #[error("it is not a program: it has no entry point")]
    NoEntry,
    /// It needs a newer C library.
    #[error(
        "it needs {symbol}, and Amazon Linux 2023 has GLIBC_{}.{}; build it on an older system or for the musl target",
        GLIBC.0, GLIBC.1
    )]
    Glibc {
        /// The newest version that it asks for.
        symbol: String,
    },
}

/// Checks that a binary runs on `provided.al2023` with this processor.
///
/// # Errors
/// The first reason why it does not.
pub fn check(binary: &[u8], architecture: Architecture) -> Result<(), NotRunnable> {
    let damaged = |error: object::read::Error| NotRunnable::NotElf(error.to_string());
    let header = FileHeader64::<Endianness>::parse(binary).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let (machine, wanted) = match architecture {
        Architecture::X86_64 => (EM_X86_64, "x86_64"),
        Architecture::Arm64 => (EM_AARCH64, "arm64"),
    };
    let found = header.e_machine(endian);
    if found != machine {
        let found = match found {
            EM_X86_64 => "x86_64".to_owned(),
            EM_AARCH64 => "arm64".to_owned(),
            other => format!("ELF machine {}", other.0),
        };
        return Err(NotRunnable::Architecture { found, wanted });
    }
    if !matches!(header.e_type(endian), ET_EXEC | ET_DYN) || header.e_entry(endian) == 0 {
        return Err(NotRunnable::NoEntry);
    }
    let newest = newest_glibc(header, endian, binary).map_err(damaged)?;
    match newest {
        Some((version, symbol)) if version > (GLIBC.0, GLIBC.1, 0) => Err(NotRunnable::Glibc { symbol }),
        _ => Ok(()),
    }
}

/// Finds the newest `GLIBC_…` version that the dynamic linker will have to provide; nothing for a static binary.
fn newest_glibc(
    header: &FileHeader64<Endianness>,
    endian: Endianness,
    binary: &[u8],
) -> object::read::Result<Option<(Version, String)>> {
    let sections = header.sections(endian, binary)?;
    let mut newest: Option<(Version, String)> = None;
    let Some((mut needs, link)) = sections.gnu_verneed(endian, binary)? else { return Ok(None) };
    let strings = sections.strings(endian, binary, link)?;
    while let Some((_, mut versions)) = needs.next()? {
        while let Some(version) = versions.next()? {
            let name = String::from_utf8_lossy(version.name(endian, strings)?).into_owned();
            if let Some(number) = glibc_version(&name)
                && newest.as_ref().is_none_or(|(best, _)| number > *best)
            {
                newest = Some((number, name));
            }
        }
    }
    Ok(newest)
}

/// Reads `GLIBC_2.34` or `GLIBC_2.3.4`; other names are no versions of glibc.
fn glibc_version(name: &str) -> Option<Version> {
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.').map(str::parse);
    let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some((major, minor, numbers.next().and_then(Result::ok).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glibc_versions_are_compared_as_numbers() {
        assert_eq!(glibc_version("GLIBC_2.2.5"), Some((2, 2, 5)));
        assert!(glibc_version("GLIBC_2.4") < glibc_version("GLIBC_2.34"));
        assert_eq!(glibc_version("GLIBC_PRIVATE"), None);
        assert_eq!(glibc_version("GCC_3.0"), None);
    }

    #[test]
    fn this_test_is_a_program_for_this_processor_and_no_other() {
        let binary = std::fs::read(std::env::current_exe().expect("the test knows itself")).expect("it can be read");
        let (own, other) = match std::env::consts::ARCH {
            "x86_64" => (Architecture::X86_64, Architecture::Arm64),
            _ => (Architecture::Arm64, Architecture::X86_64),
        };
        // The machine that runs the tests may have a newer glibc than Lambda.
        assert!(matches!(check(&binary, own), Ok(()) | Err(NotRunnable::Glibc { .. })));
        assert!(matches!(check(&binary, other), Err(NotRunnable::Architecture { .. })));
    }

    #[test]
    fn a_newer_glibc_is_named() {
        let mut binary =
            std::fs::read(std::env::current_exe().expect("the test knows itself")).expect("it can be read");
        let own = if std::env::consts::ARCH == "x86_64" { Architecture::X86_64 } else { Architecture::Arm64 };
        let (here, newer) = (b"GLIBC_2.34", b"GLIBC_2.99");
        let places: Vec<usize> =
            binary.windows(here.len()).enumerate().filter(|(_, part)| part == here).map(|(at, _)| at).collect();
        assert!(!places.is_empty(), "a program for Linux starts with a symbol of this version");
        places.into_iter().for_each(|at| binary[at..at + newer.len()].copy_from_slice(newer));
        let refused = check(&binary, own).expect_err("there is no such glibc");
        assert_eq!(refused, NotRunnable::Glibc { symbol: "GLIBC_2.99".to_owned() });
        assert!(refused.to_string().contains("Amazon Linux 2023 has GLIBC_2.34"));
    }

    #[test]
    fn a_file_that_is_not_a_program_is_refused() {
        assert!(matches!(check(b"#!/bin/sh\n", Architecture::X86_64), Err(NotRunnable::NotElf(_))));
        assert!(matches!(check(b"", Architecture::X86_64), Err(NotRunnable::NotElf(_))));
        let mut binary = vec![0; 64];
        binary[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        (binary[16], binary[18], binary[20]) = (3, 62, 1);
        assert_eq!(check(&binary, Architecture::X86_64), Err(NotRunnable::NoEntry));
    }
}

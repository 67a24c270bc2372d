//! Where the data lies when nobody says where.

use std::ffi::OsString;
use std::path::PathBuf;

/// The folder of `homard run` below the data home.
pub const RUN: &str = "homard";
/// The folder of `homard demo`, so that a try never mixes with the real house.
pub const DEMO: &str = "homard-demo";

/// Where the house is that Debian's package runs.
pub const PACKAGED: &str = "/var/lib/homard";

/// Neither `XDG_DATA_HOME` nor `HOME` says where data belongs.
#[derive(Debug, thiserror::Error)]
#[error("no place for the data is known: give one with --data-dir, or set HOME")]
pub struct NoDataDir;

/// `$XDG_DATA_HOME/FOLDER`, else `~/.local/share/FOLDER`. Relative values of `XDG_DATA_HOME` do
/// not count, as the XDG Base Directory Specification says.
///
/// # Errors
/// When the environment has neither.
pub fn data_dir(
    folder: &str,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, NoDataDir> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .ok_or(NoDataDir)?;
    Ok(base.join(folder))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn data_lies_where_the_xdg_specification_says() {
        let check = |xdg: Option<&str>, home: Option<&str>, expected: Option<&str>| {
            let variable = |name: &str| match name {
                "XDG_DATA_HOME" => xdg.map(OsString::from),
                _ => home.map(OsString::from),
            };
            let found = data_dir(RUN, variable).ok();
            assert_eq!(found.as_deref(), expected.map(Path::new), "{xdg:?} {home:?}");
        };
        check(Some("/data"), Some("/home/ann"), Some("/data/homard"));
        check(None, Some("/home/ann"), Some("/home/ann/.local/share/homard"));
        check(Some("relative"), Some("/home/ann"), Some("/home/ann/.local/share/homard"));
        check(Some(""), None, None);
        check(None, None, None);
    }
}

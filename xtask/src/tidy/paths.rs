//! Checks that no file names a folder of the machine that it was written on.

use super::File;

/// Written in two halves, so that this file does not find itself.
const FOLDERS: &[(&str, &str)] = &[("/ro", "ot/"), ("/wo", "rk/"), ("/ho", "me/"), ("/Use", "rs/")];

pub(crate) fn check(files: &[File]) -> Vec<String> {
    let folders: Vec<String> = FOLDERS.iter().map(|(a, b)| format!("{a}{b}")).collect();
    let lines = files.iter().flat_map(|f| f.text.lines().enumerate().map(move |(n, line)| (f, n, line)));
    let naming = lines.filter_map(|(f, n, line)| Some((f, n, folders.iter().find(|p| starts(line, p))?)));
    naming.map(|(f, n, p)| format!("{}:{}: names a folder of one machine: {p}", f.path, n + 1)).collect()
}

/// Returns whether a path in the line starts with `folder`: `a/work/b` does not.
fn starts(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        // After one of these characters the name is in the middle of a longer path.
        before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.' | '}' | '/' | '>'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::file;

    #[test]
    fn an_absolute_path_of_a_machine_is_named() {
        let text = format!("a\nin {}{}x\nin src{}{}x\n", "/wo", "rk/", "/wo", "rk/");
        assert_eq!(super::check(&[file("a.md", &text)]).len(), 1);
    }
}

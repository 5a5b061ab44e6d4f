//! Programs of others that a round needs. They do not run as root, and they end with the siege, even if it is killed.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::client::Result;
use super::database::{account_for, as_account};
use super::process::children;
use super::server::signal;

/// Nothing that is waited for takes this long, or it hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a program until standard input ends, which it does even if we are killed, and tells its id. One that was
/// frozen goes on, so that it can end.
const KEEPER: &str = r#"
trap '' INT HUP
signal=$1 log=$2; shift 2
"$@" </dev/null >>"$log" 2>&1 &
echo $!
exec >/dev/null 2>&1
read _
kill -CONT $!
kill -s "$signal" $!
wait
"#;

/// A folder that belongs to whom the programs run as: PostgreSQL refuses to run as root.
pub struct Home {
    folder: TempDir,
    account: Option<(u32, u32)>,
}

impl Home {
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("kennel-siege-").tempdir()?;
        let account = account_for(folder.path())?;
        if let Some((user, group)) = account {
            chown(folder.path(), Some(user), Some(group))?;
        }
        Ok(Self { folder, account })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file that the programs can read.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        fs::write(&path, text)?;
        if let Some((user, group)) = self.account {
            chown(&path, Some(user), Some(group))?;
        }
        Ok(path)
    }

    /// Runs a program to its end, which must be a good one; what it said.
    pub fn run(&self, program: &Path, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.path()).env("LC_ALL", "C.UTF-8").env("HOME", self.path());
        let ended = as_account(command.stdin(Stdio::null()), self.account).output()?;
        if !ended.status.success() {
            let said = String::from_utf8_lossy(&ended.stderr);
            return Err(format!("{} {}: {said}", program.display(), arguments.join(" ")).into());
        }
        Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
    }

    /// Starts a program that goes on; the signal of this name is to end it. It writes to a file `log`.
    pub fn keep(&self, program: &Path, arguments: &[&str], signal: &'static str) -> Result<Kept> {
        let log = self.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "kennel-siege", signal]).args([&log, program]).args(arguments);
        command.current_dir(self.path()).env("LC_ALL", "C.UTF-8").env("HOME", self.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut keeper = as_account(&mut command, self.account).spawn()?;
        let mut told = String::new();
        BufReader::new(keeper.stdout.take().ok_or("its id is told")?).read_line(&mut told)?;
        Ok(Kept { pid: told.trim().parse()?, keeper })
    }

    /// What the programs of this folder have said.
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.path().join("log")).unwrap_or_default();
        log.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

/// A program that runs; it ends when this is dropped.
pub struct Kept {
    pub pid: u32,
    keeper: Child,
}

impl Kept {
    /// Sends the program a signal, and waits for its end.
    pub fn end(self, name: &str) -> Result<()> {
        signal(self.pid, name)?;
        until("it has ended", || Ok(!is_alive(self.pid)))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _nobody_asks = self.keeper.wait();
    }
}

/// A process that has ended is there until its parent has asked how.
fn is_alive(pid: u32) -> bool {
    File::open(format!("/proc/{pid}/stat"))
        .and_then(std::io::read_to_string)
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or_default().starts_with('Z'))
}

/// Stops these processes and their children where they stand; their connections stay open. The list is for [`thaw`].
pub fn freeze(parents: &[u32]) -> Result<Vec<u32>> {
    let mut frozen = Vec::new();
    for parent in parents {
        // The parent first, or it would have more children.
        signal(*parent, "STOP")?;
        frozen.push(*parent);
        for child in children(*parent)? {
            // One may have ended.
            if signal(child, "STOP").is_ok() {
                frozen.push(child);
            }
        }
    }
    Ok(frozen)
}

/// Lets frozen processes go on.
pub fn thaw(frozen: &[u32]) {
    for pid in frozen {
        let _it_may_have_ended = signal(*pid, "CONT");
    }
}

/// Waits for a condition. It is an error if that takes a minute.
pub fn until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let began = Instant::now();
    while !is_so()? {
        if began.elapsed() > PATIENCE {
            return Err(format!("waited in vain until {what}").into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Where a program is, also if it is one for administrators.
pub fn program(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let mut files = folders.map(|folder| folder.join(name));
    files.find(|file| file.is_file()).ok_or_else(|| format!("{name} is not installed").into())
}

/// The block of `docs/operating.md` that begins so (its language, and its first words), so that people are told what was
/// tried.
pub fn documented(beginning: &str) -> Result<&'static str> {
    let text = include_str!("../../docs/operating.md");
    let blocks = text.split("\n```").skip(1).step_by(2);
    let block = blocks.filter(|block| block.starts_with(beginning)).find_map(|block| block.split_once('\n'));
    block.map(|(_, block)| block).ok_or_else(|| format!("docs/operating.md has no {beginning:?}").into())
}

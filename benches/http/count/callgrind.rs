//! A server under valgrind's callgrind, and what its dumps say: how many instructions ran, and who called whom how
//! often. (The format: <https://valgrind.org/docs/manual/cl-format.html>.)

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::client::Result;
use crate::process;

/// Where a server's dumps go.
pub struct Dumps {
    folder: PathBuf,
    made: usize,
}

impl Dumps {
    /// Of a run; those of an earlier one go.
    pub fn into(folder: PathBuf) -> Result<Self> {
        for (program, package) in [("valgrind", "valgrind"), ("vgdb", "valgrind"), ("taskset", "util-linux")] {
            let asked = Command::new(program).arg("--help").output();
            let _help = asked.map_err(|error| format!("{program}: {error}. Install {package}, which has it"))?;
        }
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, made: 0 })
    }

    /// The command that a server runs under.
    pub fn command(&self) -> Vec<OsString> {
        let mut out = OsString::from("--callgrind-out-file=");
        out.push(self.folder.join("out"));
        // One processor, and no thread takes it from another that still computes: who waits for whom is then the same
        // in every run, on every machine.
        let processor = process::first_processor();
        let calmly = ["taskset", "--cpu-list", &processor, "chrt", "--batch", "0"];
        let words = calmly.into_iter().chain(["valgrind", "--quiet", "--tool=callgrind", "--error-exitcode=0"]);
        words.map(OsString::from).chain([out, self.pipes()]).collect()
    }

    fn pipes(&self) -> OsString {
        let mut pipes = OsString::from("--vgdb-prefix=");
        pipes.push(self.folder.join("vgdb"));
        pipes
    }

    /// Begins to count from nothing.
    pub fn zero(&self, pid: u32) -> Result<()> {
        self.tell(pid, &["zero"])
    }

    /// What was counted since, in a file with this name.
    pub fn take(&mut self, pid: u32, name: &str) -> Result<(Dump, PathBuf)> {
        self.tell(pid, &["dump", name])?;
        self.made += 1;
        let file = self.folder.join(name);
        fs::rename(self.folder.join(format!("out.{}", self.made)), &file)?;
        Ok((Dump::read(&file)?, file))
    }

    fn tell(&self, pid: u32, words: &[&str]) -> Result<()> {
        let told = Command::new("vgdb").arg(format!("--pid={pid}")).arg(self.pipes()).args(words).output()?;
        if told.status.success() {
            return Ok(());
        }
        Err(format!("vgdb {words:?}: {}", String::from_utf8_lossy(&told.stderr)).into())
    }
}

/// Calls from one function to another.
struct Edge {
    caller: u64,
    callee: u64,
    calls: u64,
    /// Instructions in them, and in what they called.
    instructions: u64,
}

/// What ran between two moments, in all threads.
pub struct Dump {
    pub instructions: u64,
    names: HashMap<u64, String>,
    edges: Vec<Edge>,
}

impl Dump {
    fn read(file: &Path) -> Result<Self> {
        let text = fs::read(file)?;
        let dump = Self::parse(&String::from_utf8_lossy(&text));
        dump.ok_or_else(|| format!("{} cannot be read", file.display()).into())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut dump = Self { instructions: 0, names: HashMap::new(), edges: Vec::new() };
        let (mut caller, mut callee) = (0, 0);
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some((key, value)) = line.split_once(['=', ':']) else { continue };
            match key {
                "fn" => caller = dump.name(value)?,
                "cfn" => callee = dump.name(value)?,
                "calls" => {
                    let calls = value.split(' ').next()?.parse().ok()?;
                    // The next line is their place and their cost, if they had any.
                    let instructions = lines.next()?.split(' ').nth(1).unwrap_or("0").parse().ok()?;
                    dump.edges.push(Edge { caller, callee, calls, instructions });
                }
                "totals" => dump.instructions = value.trim().parse().ok()?,
                _ => {}
            }
        }
        (dump.instructions > 0).then_some(dump)
    }

    /// A name is written out once, `(17) malloc`, and then only `(17)`.
    fn name(&mut self, text: &str) -> Option<u64> {
        let (id, name) = text.strip_prefix('(')?.split_once(')')?;
        let id = id.parse().ok()?;
        if !name.is_empty() {
            let name = name.trim();
            // `f'2` is f called by itself, `f.part.0` a part of f.
            let end = name.find(['\'', '.']).unwrap_or(name.len());
            let _the_same = self.names.insert(id, name[..end].to_owned());
        }
        Some(id)
    }

    fn is(&self, function: u64, wanted: impl Fn(&str) -> bool) -> bool {
        self.names.get(&function).is_some_and(|name| wanted(name))
    }

    fn into(&self, wanted: impl Fn(&str) -> bool + Copy) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |edge| self.is(edge.callee, wanted) && !self.is(edge.caller, wanted))
    }

    /// How often these functions were called, not counting the calls among themselves.
    pub fn calls(&self, functions: &[&str]) -> u64 {
        self.into(|name| functions.contains(&name)).map(|edge| edge.calls).sum()
    }

    /// The instructions in functions with this word in their names, and in what they called.
    pub fn instructions_within(&self, word: &str) -> u64 {
        self.into(|name| name.contains(word)).map(|edge| edge.instructions).sum()
    }
}

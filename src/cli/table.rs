//! A table on standard output, for people and for `awk`.

use std::io::{self, Write};

/// Prints rows of cells in columns that are as wide as their longest cell, with two spaces between them.
///
/// # Errors
/// Standard output cannot be written to. That its reader, such as `head`, has seen enough is none.
pub fn print<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> io::Result<()> {
    let length = |cell: &String| cell.chars().count();
    let width = |column| rows.iter().filter_map(|row| row.get(column)).map(length).max().unwrap_or_default();
    let mut table = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:0$}", width(column)));
        table.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        table.push('\n');
    }
    match io::stdout().write_all(table.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

//! The table that is printed at the end of a measurement: figures, bars, whether they are met.

/// Figures with their bars.
#[derive(Default)]
pub(crate) struct Table(Vec<[String; 5]>);

impl Table {
    /// Adds a figure and prints it at once.
    pub(crate) fn row(
        &mut self,
        figure: &str,
        bar: &str,
        measured: String,
        is_met: Option<bool>,
        note: &str,
    ) {
        let verdict = match is_met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "",
        };
        println!("  {figure}: {measured} {verdict}");
        let row = [figure, bar, &measured, verdict, note];
        self.0.push(row.map(str::to_owned));
    }

    /// Prints all of them.
    pub(crate) fn print(&self) {
        let head = ["figure", "bar", "measured here", "met", "beside it"].map(str::to_owned);
        let rows: Vec<&[String; 5]> = std::iter::once(&head).chain(&self.0).collect();
        let width =
            |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..5).map(width).collect();
        println!();
        for (n, row) in rows.iter().enumerate() {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            println!("{}", cells.join("  ").trim_end());
            if n == 0 {
                let lines: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                println!("{}", lines.join("  "));
            }
        }
    }
}

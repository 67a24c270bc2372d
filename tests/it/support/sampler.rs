//! Writes sentences that the templates of a language pack stand for.

use homard::intent::number::Speller;
use homard::intent::pack::{Block, List, Pack};
use homard::intent::sentence::Expr;
use homard::intent::value::Value;

/// Numbers that look random and are the same each time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % sides.max(1)
    }
}

/// Writes sentences that a template stands for.
pub(crate) struct Sampler<'a> {
    pub(crate) pack: &'a Pack,
    pub(crate) block: &'a Block,
    pub(crate) speller: &'a Speller,
    pub(crate) dice: Dice,
    /// A name, an area, a floor and any words.
    pub(crate) names: [&'a str; 4],
    pub(crate) slots: Vec<(String, Option<Value>)>,
}

impl Sampler<'_> {
    /// Adds a sentence to `out`; `None` where the template names what the pack lacks.
    pub(crate) fn write(&mut self, expr: &Expr, out: &mut String, depth: u8) -> Option<()> {
        if depth > 20 {
            return None;
        }
        match expr {
            Expr::Text(text) => out.push_str(text),
            Expr::Sequence(items) => {
                for item in items {
                    self.write(item, out, depth + 1)?;
                }
            }
            Expr::Alternative(items) => {
                let item = &items[self.dice.roll(items.len())];
                self.write(item, out, depth + 1)?;
            }
            Expr::Permutation(items) => {
                let first = self.dice.roll(items.len());
                for index in 0..items.len() {
                    self.write(&items[(first + index) % items.len()], out, depth + 1)?;
                }
            }
            Expr::Rule(name) => {
                let rules = (&self.block.rules, &self.pack.rules);
                let rule = rules.0.get(name).or_else(|| rules.1.get(name))?;
                self.write(&rule.expr, out, depth + 1)?;
            }
            Expr::List(list) => {
                let home = match list.list.as_str() {
                    "name" => Some(self.names[0]),
                    "area" => Some(self.names[1]),
                    "floor" => Some(self.names[2]),
                    _ => None,
                };
                if let Some(name) = home {
                    out.push_str(name);
                    self.slots.push((list.slot.clone(), Some(name.into())));
                    return Some(());
                }
                let lists = (&self.block.lists, &self.pack.lists);
                match lists.0.get(&list.list).or_else(|| lists.1.get(&list.list))? {
                    List::Wildcard => {
                        out.push_str(self.names[3]);
                        self.slots.push((list.slot.clone(), Some(self.names[3].into())));
                    }
                    List::Values(values) => {
                        let value = &values[self.dice.roll(values.len())];
                        self.write(&value.said, out, depth + 1)?;
                        self.slots.push((list.slot.clone(), value.out.clone()));
                    }
                    List::Range(range) => {
                        let n_steps = (range.to - range.from) / range.step + 1;
                        let number =
                            range.from + range.step * self.dice.roll(n_steps as usize) as i64;
                        let words = self.speller.spell(number * 10);
                        match words.len() {
                            0 => out.push_str(&number.to_string()),
                            _ if self.dice.roll(2) == 0 => out.push_str(&number.to_string()),
                            n => out.push_str(&words[self.dice.roll(n)]),
                        }
                        let value = Value::Number(number as f64 * range.multiplier);
                        self.slots.push((list.slot.clone(), Some(value)));
                    }
                }
            }
        }
        Some(())
    }
}

//! A command's latency, warm: an utterance of ten words, twelve things that it may be about. Homard's chooser above the
//! model's lower layers beside llama.cpp with the same model, its grammar and its cache of what stands before each.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use homard::llm::{Chooser, Model, Session, Stop};
use serde_json::json;

/// The chooser of the smallest model, which is the one that the house asks.
const CHOOSER: &[u8] = include_bytes!("../../models/needs/smollm2-135m.chooser");
const SAID: [&str; 8] = [
    "my toes are like ice and I cannot get warm",
    "I can barely make out the pages of this book",
    "there are crumbs all over the floor of this room",
    "the neighbours can look right into our room from there",
    "who won the match that was on television last night",
    "the grass is so high that I lost the ball",
    "my eyelids are heavy and I am off to dreamland",
    "the tomatoes out there let their leaves hang down again",
];
/// Rounds, of which the quickest counts for each utterance, on both sides.
const ROUNDS: usize = 5;

/// Measures both. A model without a chooser is not asked by the house.
pub(crate) fn compare(path: &Path, n_threads: usize) -> Result<(), Box<dyn Error>> {
    let chooser = Chooser::parse(CHOOSER)?;
    let model = Model::load(path, n_threads)?;
    if !chooser.fits(&model) {
        return Ok(());
    }
    let mut session = Session::new(model);
    let job = json!({ "task": chooser.lens.prefix, "labels": chooser.labels, "said": SAID });
    let mut ours = vec![Duration::MAX; SAID.len()];
    let mut theirs = vec![f64::MAX; SAID.len()];
    session.look(&chooser.lens, SAID[0], &Stop::default())?;
    // In turns, so that both meet the same machine.
    for _ in 0..ROUNDS {
        for (best, said) in ours.iter_mut().zip(SAID) {
            let began = Instant::now();
            chooser.weigh(&session.look(&chooser.lens, said, &Stop::default())?);
            *best = began.elapsed().min(*best);
        }
        let answer = super::peer("llama_choice.mjs", path, n_threads, "", &job)?;
        let ms: Vec<f64> = serde_json::from_value(answer["ms"].clone())?;
        theirs.iter_mut().zip(ms).for_each(|(best, ms)| *best = ms.min(*best));
    }
    let ours: Vec<f64> = ours.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "  a command        {ours:>8.1} ms, llama.cpp {theirs:>8.1} ms with its grammar: {:.2} × its time (bar 0.5), {} labels",
        ours / theirs,
        chooser.labels.len()
    );
    Ok(())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

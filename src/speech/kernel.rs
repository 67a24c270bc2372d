//! The arithmetic that small networks are made of, in loops that the compiler makes wide.

/// Inputs that are taken at once, so that outputs are read and written a quarter as often.
const AT_ONCE: usize = 4;

/// Adds to `outputs` each input times its part in all of them: `matrix` has a row for each input.
pub(super) fn add_product(outputs: &mut [f32], inputs: &[f32], matrix: &[f32]) {
    let n = outputs.len();
    let (some, rest) = inputs.as_chunks::<AT_ONCE>();
    for ([one, two, three, four], rows) in some.iter().zip(matrix.chunks_exact(AT_ONCE * n)) {
        let (rows_12, rows_34) = rows.split_at(2 * n);
        let parts =
            rows_12[..n].iter().zip(&rows_12[n..]).zip(rows_34[..n].iter().zip(&rows_34[n..]));
        for (output, ((a, b), (c, d))) in outputs.iter_mut().zip(parts) {
            *output += (one * a + two * b) + (three * c + four * d);
        }
    }
    let done = inputs.len() - rest.len();
    for (input, parts) in rest.iter().zip(matrix[done * n..].chunks_exact(n)) {
        add_scaled(outputs, *input, parts);
    }
}

/// Adds to `outputs` these parts, `by` times.
pub(super) fn add_scaled(outputs: &mut [f32], by: f32, parts: &[f32]) {
    for (output, part) in outputs.iter_mut().zip(parts) {
        *output += by * part;
    }
}

/// A matrix with rows and columns changed over, so that one input's part in all outputs lies together.
pub(super) fn turned(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut turned = vec![0.0; matrix.len()];
    for (row, values) in matrix.chunks_exact(columns).enumerate() {
        for (column, value) in values.iter().enumerate() {
            turned[column * rows + row] = *value;
        }
    }
    turned
}

/// A probability of any number.
pub(super) fn sigmoid(value: f32) -> f32 {
    1.0 / (1.0 + (-value).exp())
}

//! A model of a few weights, written as CTranslate2 writes it, and what becomes of it.

use std::io::Cursor;

use half::f16;

use super::*;

/// Width of the tiny model; one block of it is one block of quantised values.
const WIDTH: u32 = 32;
const N_VOCAB: u32 = 51_864;

/// Writes variables in CTranslate2's way.
struct Written {
    bytes: Vec<u8>,
    n: u32,
}

impl Written {
    fn new() -> Self {
        Self { bytes: Vec::new(), n: 0 }
    }

    fn text(bytes: &mut Vec<u8>, text: &str) {
        bytes.extend((text.len() as u16 + 1).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.push(0);
    }

    fn variable(&mut self, name: &str, dimensions: &[u32], kind: u8, data: &[u8]) {
        Self::text(&mut self.bytes, name);
        self.bytes.push(dimensions.len() as u8);
        dimensions.iter().for_each(|n| self.bytes.extend(n.to_le_bytes()));
        self.bytes.push(kind);
        self.bytes.extend((data.len() as u32).to_le_bytes());
        self.bytes.extend(data);
        self.n += 1;
    }

    /// Values 0, 1, 2 … in steps of a sixteenth.
    fn weights(&mut self, name: &str, dimensions: &[u32]) {
        let n: u32 = dimensions.iter().product();
        let value = |at: u32| f16::from_f32((at % 64) as f32 / 16.0).to_le_bytes();
        let data: Vec<u8> = (0..n).flat_map(value).collect();
        self.variable(name, dimensions, 4, &data);
    }

    fn linear(&mut self, name: &str, n_rows: u32, n_columns: u32) {
        self.weights(&format!("{name}/weight"), &[n_rows, n_columns]);
        self.weights(&format!("{name}/bias"), &[n_rows]);
    }

    fn norm(&mut self, name: &str) {
        self.weights(&format!("{name}/gamma"), &[WIDTH]);
        self.weights(&format!("{name}/beta"), &[WIDTH]);
    }

    fn file(&self) -> Vec<u8> {
        let mut file = 6_u32.to_le_bytes().to_vec();
        Self::text(&mut file, "WhisperSpec");
        file.extend(3_u32.to_le_bytes());
        file.extend(self.n.to_le_bytes());
        file.extend(&self.bytes);
        file.extend(0_u32.to_le_bytes());
        file
    }
}

/// A Whisper of one layer.
fn tiny() -> Written {
    let mut model = Written::new();
    for half in ["encoder", "decoder"] {
        model.variable(&format!("{half}/num_heads"), &[], 2, &2_i16.to_le_bytes());
        model.weights(&format!("{half}/position_encodings/encodings"), &[4, WIDTH]);
        model.norm(&format!("{half}/layer_norm"));
        let layer = format!("{half}/layer_0");
        model.norm(&format!("{layer}/self_attention/layer_norm"));
        model.linear(&format!("{layer}/self_attention/linear_0"), 3 * WIDTH, WIDTH);
        model.linear(&format!("{layer}/self_attention/linear_1"), WIDTH, WIDTH);
        model.norm(&format!("{layer}/ffn/layer_norm"));
        model.linear(&format!("{layer}/ffn/linear_0"), 4 * WIDTH, WIDTH);
        model.linear(&format!("{layer}/ffn/linear_1"), WIDTH, 4 * WIDTH);
    }
    let cross = "decoder/layer_0/attention";
    model.norm(&format!("{cross}/layer_norm"));
    model.linear(&format!("{cross}/linear_0"), WIDTH, WIDTH);
    model.linear(&format!("{cross}/linear_1"), 2 * WIDTH, WIDTH);
    model.linear(&format!("{cross}/linear_2"), WIDTH, WIDTH);
    model.weights("encoder/conv1/weight", &[WIDTH, 80, 3]);
    model.weights("encoder/conv1/bias", &[WIDTH]);
    model.weights("encoder/conv2/weight", &[WIDTH, WIDTH, 3]);
    model.weights("encoder/conv2/bias", &[WIDTH]);
    model.weights("decoder/embeddings/weight", &[N_VOCAB, WIDTH]);
    model
}

fn vocabulary() -> String {
    let token = |at: u32| if at == 0 { "Ġé\n".to_owned() } else { format!("t{at}\n") };
    (0..N_VOCAB).map(token).collect()
}

fn converted(form: Form) -> Vec<u8> {
    let mut to = Vec::new();
    convert(Cursor::new(tiny().file()), &vocabulary(), form, &mut to).unwrap();
    to
}

/// A tensor as it lies in the file.
#[derive(Debug)]
struct Found {
    name: String,
    kind: u32,
    dimensions: Vec<u32>,
    data: Vec<u8>,
}

/// Reads a file back: the numbers of its head, its first token, its tensors.
fn read_back(file: &[u8]) -> (Vec<u32>, Vec<u8>, Vec<Found>) {
    let mut at = 0;
    let number = |at: &mut usize| {
        let four = file[*at..*at + 4].try_into().unwrap();
        *at += 4;
        u32::from_le_bytes(four)
    };
    let head: Vec<u32> = (0..14).map(|_| number(&mut at)).collect();
    at += 80 * 201 * 4;
    let n_tokens = number(&mut at);
    let mut first = None;
    for _ in 0..n_tokens {
        let length = number(&mut at) as usize;
        first.get_or_insert_with(|| file[at..at + length].to_vec());
        at += length;
    }
    let mut tensors = Vec::new();
    while at < file.len() {
        let (rank, length, kind) = (number(&mut at), number(&mut at) as usize, number(&mut at));
        let dimensions: Vec<u32> = (0..rank).map(|_| number(&mut at)).collect();
        let name = String::from_utf8(file[at..at + length].to_vec()).unwrap();
        at += length;
        let n: u32 = dimensions.iter().product();
        let n_bytes = match kind {
            0 => n * 4,
            1 => n * 2,
            7 => n / 32 * 24,
            8 => n / 32 * 34,
            other => panic!("{name}: type {other}"),
        } as usize;
        let data = file[at..at + n_bytes].to_vec();
        at += n_bytes;
        tensors.push(Found { name, kind, dimensions, data });
    }
    assert_eq!(n_tokens, 50_257);
    (head, first.unwrap(), tensors)
}

#[test]
fn a_file_has_the_head_the_tokens_and_all_tensors_of_whisper() {
    for (form, file_type, tensor_type) in
        [(Form::F16, 1, 1), (Form::Q8_0, 2007, 8), (Form::Q5_1, 2009, 7)]
    {
        let (head, token, tensors) = read_back(&converted(form));
        let expected =
            [0x6767_6d6c, N_VOCAB, 4, WIDTH, 2, 1, 4, WIDTH, 2, 1, 80, file_type, 80, 201];
        assert_eq!(head, expected, "{form:?}");
        assert_eq!(token, b" \xe9");
        // 15 of each layer, 9 more of the decoder's; less a bias of each key, which Whisper has not.
        assert_eq!(tensors.len(), 4 + 2 + 1 + 4 + 15 + 15 + 9, "{form:?}");
        assert!(!tensors.iter().any(|tensor| tensor.name.ends_with("key.bias")));
        let check = |name: &str, kind: u32, dimensions: &[u32]| {
            let tensor = tensors.iter().find(|tensor| tensor.name == name);
            let tensor = tensor.unwrap_or_else(|| panic!("no {name}"));
            assert_eq!((tensor.kind, &*tensor.dimensions), (kind, dimensions), "{name} {form:?}");
        };
        check("encoder.conv1.weight", 1, &[3, 80, WIDTH]);
        check("encoder.conv1.bias", 0, &[1, WIDTH]);
        check("encoder.positional_embedding", 0, &[WIDTH, 4]);
        check("encoder.ln_post.weight", 0, &[WIDTH]);
        check("decoder.token_embedding.weight", tensor_type, &[WIDTH, N_VOCAB]);
        check("decoder.blocks.0.attn_ln.bias", 0, &[WIDTH]);
        check("decoder.blocks.0.cross_attn.value.bias", 0, &[WIDTH]);
        check("decoder.blocks.0.mlp.0.weight", tensor_type, &[WIDTH, 4 * WIDTH]);
    }
}

#[test]
fn query_key_and_value_are_taken_apart_in_this_order() {
    let (_, _, tensors) = read_back(&converted(Form::F16));
    let first = |name: &str| {
        let tensor = tensors.iter().find(|tensor| tensor.name == name).unwrap();
        let size = tensor.data.len() / tensor.dimensions.iter().product::<u32>() as usize;
        match size {
            2 => f16::from_le_bytes(tensor.data[..2].try_into().unwrap()).to_f32(),
            _ => f32::from_le_bytes(tensor.data[..4].try_into().unwrap()),
        }
    };
    // The biases count on in sixteenths and begin anew after 64: query at 0, value at 64, key not at all.
    assert_eq!(first("encoder.blocks.0.attn.query.bias"), 0.0);
    assert_eq!(first("encoder.blocks.0.attn.value.bias"), 0.0);
    assert_eq!(first("decoder.blocks.0.cross_attn.value.bias"), 2.0);
}

#[test]
fn blocks_are_those_of_ggml() {
    let ramp: Vec<f32> = (0..32).map(|at| at as f32 - 16.0).collect();
    let bytes = blocks::q8_0(&ramp);
    assert_eq!(bytes.len(), 34);
    assert_eq!(f16::from_le_bytes([bytes[0], bytes[1]]), f16::from_f32(16.0 / 127.0));
    assert_eq!((bytes[2] as i8, bytes[18] as i8, bytes[33] as i8), (-127, 0, 119));

    let bytes = blocks::q5_1(&ramp);
    assert_eq!(bytes.len(), 24);
    assert_eq!(f16::from_le_bytes([bytes[0], bytes[1]]).to_f32(), 1.0);
    assert_eq!(f16::from_le_bytes([bytes[2], bytes[3]]).to_f32(), -16.0);
    // The first half has levels 0 to 15, the second 16 to 31: their fifth bits are set.
    assert_eq!(bytes[4..8], [0, 0, 0xff, 0xff]);
    assert_eq!((bytes[8], bytes[23]), (0x00, 0xff));

    let flat = [0.0_f32; 32];
    assert_eq!(blocks::q8_0(&flat), vec![0; 34]);
    assert_eq!(blocks::q5_1(&flat), vec![0; 24]);
}

#[test]
fn the_filters_are_triangles_of_one_area() {
    let filters = mel::filters();
    assert_eq!((filters.len(), filters[0].len()), (80, 201));
    // Of the array that came with Whisper, `mel_80` of `mel_filters.npz`.
    let check = |row: usize, column: usize, expected: f32| {
        let found = filters[row][column];
        assert!((found - expected).abs() < 1e-8, "{row} {column}: {found} is not {expected}");
    };
    check(0, 0, 0.0);
    check(0, 1, 0.024_862_593);
    check(79, 200, 0.0);
    let peak = |row: &[f32]| row.iter().copied().fold(0.0, f32::max);
    assert!(filters.windows(2).all(|two| peak(&two[0]) >= peak(&two[1]) * 0.7));
}

#[test]
fn other_files_are_refused_and_say_why() {
    let check = |file: Vec<u8>, expected: &str| {
        let error = convert(Cursor::new(file), &vocabulary(), Form::F16, &mut Vec::new());
        let text = error.unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    };
    check(Vec::new(), "cut off");
    check(b"GGUF and more".to_vec(), "version");
    let whole = tiny().file();
    for length in [5, 30, whole.len() / 2, whole.len() - 40] {
        assert!(
            convert(Cursor::new(&whole[..length]), &vocabulary(), Form::F16, &mut Vec::new())
                .is_err()
        );
    }
    let mut other = Written::new();
    other.weights("encoder/conv1/weight", &[WIDTH, 80, 3]);
    check(other.file(), "it has no `encoder/position_encodings/encodings`");

    let error = convert(Cursor::new(whole), "a\nb\n", Form::F16, &mut Vec::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the vocabulary cannot be used: 2 tokens, and the weights know 51864"
    );
}

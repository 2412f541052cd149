//! Writes what the corpora begin with into `corpus/TARGET`, below the folder that is its argument.

use bytes::BytesMut;
use fuzz::{OPERATIONS, decode_http, post, seeds};
use model::operation::{Attributes, Request};
use std::fs;
use std::path::Path;
use wire::{RequestId, client};

fn main() {
    let folder = std::env::args().nth(1).expect("a folder as the only argument");
    let corpus = Path::new(&folder).join("corpus");
    for (position, (operation, body)) in seeds::CALLS.iter().enumerate() {
        let choice = OPERATIONS.iter().position(|known| known == operation).expect("a known operation");
        let choice = u8::try_from(choice).expect("few operations");
        write(&corpus, "json", position, &[&[choice], body.as_bytes()].concat());
        write(&corpus, "http", position, &[&[choice], &post(operation, body.as_bytes())[..]].concat());
        let Some(request) = decode_http(operation, body.as_bytes()) else { continue };
        let mut frame = BytesMut::new();
        if client::encode_request(RequestId(1), &request, &mut frame).is_ok() {
            write(&corpus, "wire", position, &frame);
        }
        if let Request::PutItem(put) = &request
            && let Attributes::Valid(item) = &put.item
        {
            write(&corpus, "item", position, item.bytes());
        }
    }
    write_texts(&corpus, "number", seeds::NUMBERS);
    write_texts(&corpus, "key_condition", seeds::KEY_CONDITIONS);
    write_texts(&corpus, "expression", seeds::EXPRESSIONS);
}

fn write_texts(corpus: &Path, target: &str, texts: &[&str]) {
    texts.iter().enumerate().for_each(|(position, text)| write(corpus, target, position, text.as_bytes()));
}

fn write(corpus: &Path, target: &str, position: usize, bytes: &[u8]) {
    let folder = corpus.join(target);
    fs::create_dir_all(&folder).expect("the corpus can be written");
    fs::write(folder.join(format!("seed-{position}")), bytes).expect("the corpus can be written");
}

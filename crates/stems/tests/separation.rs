//! The separation of mixes whose parts are known.

mod song;

use song::{Song, sdr};
use stems::{Separator, Stems, Stereo, plan};

const RATE: u32 = 44_100;

fn report(name: &str, song: &Song) -> [f64; 2] {
    let mix = song.mix();
    let Stems { vocals, accompaniment } = Separator::new(RATE).separate(&mix);
    let better = [
        sdr(&song.vocals, &vocals) - sdr(&song.vocals, &mix),
        sdr(&song.accompaniment, &accompaniment) - sdr(&song.accompaniment, &mix),
    ];
    println!("{name}: vocals {:+.1} dB, accompaniment {:+.1} dB better than the mix", better[0], better[1]);
    better
}

#[test]
fn vocals_and_accompaniment_are_3_db_nearer_to_the_parts_than_the_mix_except_in_the_hardest_song() {
    // Without stereo and without repetition only the texture is left.
    let wanted = |name: &str| if name == song::HARDEST { 0.5 } else { 3.0 };
    let poor: Vec<_> = Song::all(12)
        .iter()
        .map(|(name, song)| (*name, report(name, song)))
        .filter(|(name, better)| better.iter().any(|better| *better < wanted(name)))
        .collect();
    assert!(poor.is_empty(), "{poor:?}");
}

#[test]
fn a_song_separated_in_pieces_is_the_same_bit_for_bit() {
    let (_, song) = Song::all(32).swap_remove(0);
    let mix = song.mix();
    let separator = Separator::new(RATE);
    let whole = separator.separate(&mix);
    let mut joined = Stereo::default();
    for piece in plan::pieces(mix.len() as u64, RATE, 9) {
        let read = piece.read.start as usize..piece.read.end as usize;
        let vocals = separator.separate(&mix.slice(read)).vocals.slice(piece.kept());
        joined.left.extend(vocals.left);
        joined.right.extend(vocals.right);
    }
    assert!(joined == whole.vocals);
}

#[test]
fn both_parts_together_are_the_mix() {
    let (_, song) = Song::all(5).swap_remove(0);
    let mix = song.mix();
    let Stems { vocals, accompaniment } = Separator::new(RATE).separate(&mix);
    let sum = vocals.left.iter().zip(&accompaniment.left).map(|(a, b)| a + b);
    assert!(sum.zip(&mix.left).all(|(sum, mix)| (sum - mix).abs() < 1e-6));
}

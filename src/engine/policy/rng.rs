//! A seeded generator: the engine's only source of chance.
//!
//! xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number generators"). The browser seeds it with
//! 256 bits from WebCrypto, the simulator with a number, so a schedule replays exactly. It is no source of secrets.

/// A deterministic stream of numbers.
#[derive(Debug, Clone)]
pub struct Rng([u64; 4]);

/// Digits of random texts: safe in headers, URLs and keys, in one case.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl Rng {
    /// A generator with a full seed. An all-zero seed is replaced, for it would stand still.
    pub fn new(seed: [u64; 4]) -> Self {
        if seed == [0; 4] {
            return Self::from_number(0);
        }
        Self(seed)
    }

    /// A generator from one number (SplitMix64 fills the state).
    pub fn from_number(mut number: u64) -> Self {
        let mut next = || {
            number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        Self([next(), next(), next(), next()])
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let state = &mut self.0;
        let out = state[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = state[1] << 17;
        state[2] ^= state[0];
        state[3] ^= state[1];
        state[1] ^= state[2];
        state[0] ^= state[3];
        state[2] ^= shifted;
        state[3] = state[3].rotate_left(45);
        out
    }

    /// A number from 0 up to, not including, `limit`; 0 when the limit is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(limit);
        (wide >> 64) as u64
    }

    /// A random text of `length` digits, five bits each.
    pub fn text(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(DIGITS[self.below(32) as usize])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_stream() {
        let (mut left, mut right) = (Rng::from_number(7), Rng::from_number(7));
        assert!((0..100).all(|_| left.next_u64() == right.next_u64()));
        assert_ne!(Rng::from_number(7).next_u64(), Rng::from_number(8).next_u64());
        assert_ne!(Rng::new([0; 4]).next_u64(), 0);
    }

    /// Both generators as their authors' programs run.
    #[test]
    fn the_stream_is_the_published_one() {
        let seeded = Rng::from_number(0).0;
        let published = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f, 0xf88b_b8a8_724c_81ec];
        assert_eq!(seeded, published, "SplitMix64");
        let mut rng = Rng::new([1, 2, 3, 4]);
        let drawn = [(); 10].map(|()| rng.next_u64());
        let published = [
            11_520,
            0,
            1_509_978_240,
            1_215_971_899_390_074_240,
            1_216_172_134_540_287_360,
            607_988_272_756_665_600,
            16_172_922_978_634_559_625,
            8_476_171_486_693_032_832,
            10_595_114_339_597_558_777,
            2_904_607_092_377_533_576,
        ];
        assert_eq!(drawn, published, "xoshiro256**");
    }

    #[test]
    fn below_stays_below() {
        let mut rng = Rng::from_number(1);
        let drawn: Vec<u64> = (0..1_000).map(|_| rng.below(10)).collect();
        assert!((0..10).all(|number| drawn.contains(&number)) && drawn.iter().all(|number| *number < 10));
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.text(26).len(), 26);
    }
}

//! The compression function with AVX2 and AVX-512 instructions.
//!
//! A block is a matrix of 8 rows and 8 columns of pairs of words, and a vector holds 2 (AVX2) or 4
//! (AVX-512) pairs of a row. Each instruction has to wait for the one before it, so every step is
//! done on four sets of vectors side by side. AVX2 has too few registers for four sets, and is
//! faster with them nevertheless.

#[cfg(target_arch = "x86")]
use core::arch::x86 as arch;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64 as arch;

cpufeatures::new!(avx2_cpuid, "avx2");
cpufeatures::new!(avx512_cpuid, "avx2", "avx512f");

/// The instructions to compress blocks with.
///
/// Outside of tests, only [`Backend::detect`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Avx512,
    Avx2,
    Portable,
}

impl Backend {
    /// The fastest one that this CPU has.
    pub(crate) fn detect() -> Self {
        if Self::Avx512.is_available() {
            Self::Avx512
        } else if Self::Avx2.is_available() {
            Self::Avx2
        } else {
            Self::Portable
        }
    }

    fn is_available(self) -> bool {
        match self {
            Self::Avx512 => avx512_cpuid::get(),
            Self::Avx2 => avx2_cpuid::get(),
            Self::Portable => true,
        }
    }
}

/// What both sets of instructions share. The module that it is used in has the rest:
///
/// - `Vector`, and the operations `add`, `xor`, `mul` (of the low halves of words), `rotate_right`
///   and `permute` (of the four words in each 256 bits)
/// - `middle(x, y)`: for each 128 bits, the second word of `x` and the first one of `y`
/// - `split`: takes a row apart into its quarters, or two rows into four vectors which have the
///   same quarter of both; `join` is the reverse
macro_rules! compress {
    ($feature:literal) => {
        const LEN: usize = Block::SIZE / size_of::<Vector>();
        const ROW: usize = LEN / 8;

        /// Four sets of vectors side by side. In arrays of these arrays, LLVM does not keep them so.
        type Four = [Vector; 4];

        const _: () = assert!(
            size_of::<Block>() == Block::SIZE && align_of::<Block>() >= align_of::<Vector>()
        );

        /// Compresses `rhs` and `lhs` into `out`; with `add_out`, adds the result to what it holds.
        #[target_feature(enable = $feature)]
        pub(crate) fn compress(rhs: &Block, lhs: &Block, out: &mut Block, add_out: bool) {
            let (rhs, lhs) = (ptr::from_ref(rhs).cast(), ptr::from_ref(lhs).cast());
            // SAFETY: a block consists of `LEN` vectors' worth of words and is aligned as they are
            // (see the assertion), and any bits are a valid vector.
            let (rhs, lhs): (&[Vector; LEN], &[Vector; LEN]) = unsafe { (&*rhs, &*lhs) };
            // SAFETY: as above; any vectors are a valid block.
            let out: &mut [Vector; LEN] = unsafe { &mut *ptr::from_mut(out).cast() };

            let mut q = *rhs;
            for i in 0..LEN {
                q[i] = xor(rhs[i], lhs[i]);
            }

            // `out` keeps what is to be added at the end: there are no registers for it.
            if add_out {
                for i in 0..LEN {
                    out[i] = xor(out[i], q[i]);
                }
            } else {
                *out = q;
            }

            // Apply permutations rowwise, to the rows in 16 vectors at once
            for rows in q.chunks_exact_mut(16) {
                let mut a = [rows[0]; 4];
                let (mut b, mut c, mut d) = (a, a, a);
                for i in 0..4 {
                    let j = 4 * i;
                    [a[i], b[i], c[i], d[i]] =
                        split([rows[j], rows[j + 1], rows[j + 2], rows[j + 3]]);
                }

                step(&mut a, &mut b, &mut c, &mut d);
                for i in 0..4 {
                    b[i] = permute::<0b00_11_10_01>(b[i]);
                    c[i] = permute::<0b01_00_11_10>(c[i]);
                    d[i] = permute::<0b10_01_00_11>(d[i]);
                }
                step(&mut a, &mut b, &mut c, &mut d);
                for i in 0..4 {
                    b[i] = permute::<0b10_01_00_11>(b[i]);
                    c[i] = permute::<0b01_00_11_10>(c[i]);
                    d[i] = permute::<0b00_11_10_01>(d[i]);
                }

                for i in 0..4 {
                    let j = 4 * i;
                    [rows[j], rows[j + 1], rows[j + 2], rows[j + 3]] =
                        join([a[i], b[i], c[i], d[i]]);
                }
            }

            // Apply permutations columnwise, to the columns in two vectors of each row at once
            for column in (0..ROW).step_by(2) {
                let pick = |q: &[Vector; LEN], row: usize| {
                    let i = row * ROW + column;
                    [q[i], q[i + ROW], q[i + 1], q[i + ROW + 1]]
                };
                let (mut a, mut b, mut c, mut d) =
                    (pick(&q, 0), pick(&q, 2), pick(&q, 4), pick(&q, 6));

                step(&mut a, &mut b, &mut c, &mut d);
                for i in [0, 2] {
                    (b[i], b[i + 1]) = (middle(b[i], b[i + 1]), middle(b[i + 1], b[i]));
                    (c[i], c[i + 1]) = (c[i + 1], c[i]);
                    (d[i], d[i + 1]) = (middle(d[i + 1], d[i]), middle(d[i], d[i + 1]));
                }
                step(&mut a, &mut b, &mut c, &mut d);
                for i in [0, 2] {
                    (b[i], b[i + 1]) = (middle(b[i + 1], b[i]), middle(b[i], b[i + 1]));
                    (c[i], c[i + 1]) = (c[i + 1], c[i]);
                    (d[i], d[i + 1]) = (middle(d[i], d[i + 1]), middle(d[i + 1], d[i]));
                }

                for (row, v) in [(0, a), (2, b), (4, c), (6, d)] {
                    let i = row * ROW + column;
                    [q[i], q[i + ROW], q[i + 1], q[i + ROW + 1]] = v;
                }
            }

            for i in 0..LEN {
                out[i] = xor(out[i], q[i]);
            }
        }

        /// `permute_step!` on each word of the vectors.
        #[inline]
        #[target_feature(enable = $feature)]
        fn step(a: &mut Four, b: &mut Four, c: &mut Four, d: &mut Four) {
            for i in 0..4 {
                a[i] = mul_add(a[i], b[i]);
            }
            for i in 0..4 {
                d[i] = rotate_right::<32>(xor(d[i], a[i]));
            }
            for i in 0..4 {
                c[i] = mul_add(c[i], d[i]);
            }
            for i in 0..4 {
                b[i] = rotate_right::<24>(xor(b[i], c[i]));
            }
            for i in 0..4 {
                a[i] = mul_add(a[i], b[i]);
            }
            for i in 0..4 {
                d[i] = rotate_right::<16>(xor(d[i], a[i]));
            }
            for i in 0..4 {
                c[i] = mul_add(c[i], d[i]);
            }
            for i in 0..4 {
                b[i] = rotate_right::<63>(xor(b[i], c[i]));
            }
        }

        #[inline]
        #[target_feature(enable = $feature)]
        fn mul_add(x: Vector, y: Vector) -> Vector {
            let product = mul(x, y);
            add(add(x, y), add(product, product))
        }
    };
}

pub(crate) mod avx2 {
    use super::arch::{
        __m256i as Vector, _mm_setr_epi8, _mm256_add_epi64 as add, _mm256_alignr_epi8,
        _mm256_broadcastsi128_si256, _mm256_mul_epu32 as mul, _mm256_permute4x64_epi64 as permute,
        _mm256_shuffle_epi8, _mm256_shuffle_epi32, _mm256_srli_epi64, _mm256_xor_si256 as xor,
    };
    use crate::Block;
    use core::ptr;

    compress!("avx2");

    #[inline]
    #[target_feature(enable = "avx2")]
    fn rotate_right<const N: i32>(x: Vector) -> Vector {
        match N {
            16 => {
                let bytes = _mm_setr_epi8(2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9);
                _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(bytes))
            }
            24 => {
                let bytes = _mm_setr_epi8(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10);
                _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(bytes))
            }
            32 => _mm256_shuffle_epi32::<0b10_11_00_01>(x),
            63 => xor(_mm256_srli_epi64::<63>(x), add(x, x)),
            _ => unreachable!(),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn middle(x: Vector, y: Vector) -> Vector {
        _mm256_alignr_epi8::<8>(y, x)
    }

    /// A row has four vectors, its quarters.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn split(row: [Vector; 4]) -> [Vector; 4] {
        row
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn join(quarters: [Vector; 4]) -> [Vector; 4] {
        quarters
    }
}

pub(crate) mod avx512 {
    use super::arch::{
        __m512i as Vector, _mm512_add_epi64 as add, _mm512_castpd_si512, _mm512_castsi512_pd,
        _mm512_mul_epu32 as mul, _mm512_permutex_epi64 as permute,
        _mm512_ror_epi64 as rotate_right, _mm512_shuffle_i64x2, _mm512_shuffle_pd,
        _mm512_xor_si512 as xor,
    };
    use crate::Block;
    use core::ptr;

    /// For `_mm512_shuffle_i64x2`: the lower or the upper halves of two vectors.
    const LOWER: i32 = 0b01_00_01_00;
    const UPPER: i32 = 0b11_10_11_10;

    compress!("avx512f");

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn middle(x: Vector, y: Vector) -> Vector {
        let (x, y) = (_mm512_castsi512_pd(x), _mm512_castsi512_pd(y));
        _mm512_castpd_si512(_mm512_shuffle_pd::<0b0101_0101>(x, y))
    }

    /// Two rows have four vectors, their halves.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn split([x0, x1, y0, y1]: [Vector; 4]) -> [Vector; 4] {
        [
            _mm512_shuffle_i64x2::<LOWER>(x0, y0),
            _mm512_shuffle_i64x2::<UPPER>(x0, y0),
            _mm512_shuffle_i64x2::<LOWER>(x1, y1),
            _mm512_shuffle_i64x2::<UPPER>(x1, y1),
        ]
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn join([a, b, c, d]: [Vector; 4]) -> [Vector; 4] {
        [
            _mm512_shuffle_i64x2::<LOWER>(a, b),
            _mm512_shuffle_i64x2::<LOWER>(c, d),
            _mm512_shuffle_i64x2::<UPPER>(a, b),
            _mm512_shuffle_i64x2::<UPPER>(c, d),
        ]
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    extern crate std;

    use super::Backend;
    use crate::{Algorithm, Argon2, AssociatedData, Block, ParamsBuilder, Version};
    use alloc::{vec, vec::Vec};
    use hex_literal::hex;
    use std::io::Write;

    /// Those that this CPU has. Says which it lacks, also where the output of tests is captured.
    fn backends() -> Vec<Backend> {
        let mut backends = vec![Backend::Avx512, Backend::Avx2, Backend::Portable];
        backends.retain(|backend| {
            let available = backend.is_available();
            if !available {
                writeln!(
                    std::io::stderr(),
                    "NOT TESTED: {backend:?}, which this CPU lacks"
                )
                .expect("stderr");
            }
            available
        });
        backends
    }

    fn context(backend: Backend, algorithm: Algorithm, version: Version) -> Argon2<'static> {
        let params = ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(AssociatedData::new(&[0x04; 12]).expect("data"))
            .build()
            .expect("params");
        let argon2 = Argon2::new_with_secret(&[0x03; 8], algorithm, version, params);
        let mut argon2 = argon2.expect("a secret");
        argon2.backend = backend;
        argon2
    }

    /// A block of pseudo-random words (`splitmix64`).
    fn random_block(state: &mut u64) -> Block {
        let mut block = Block::new();
        for word in block.as_mut() {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *word = z ^ (z >> 31);
        }
        block
    }

    #[test]
    fn backends_compress_alike() {
        let mut ones = Block::new();
        ones.as_mut().fill(u64::MAX);
        let mut blocks = vec![Block::new(), ones];
        // One with carries, and one with a single bit
        blocks.push(Block::new());
        blocks[2].as_mut().fill(u64::from(u32::MAX));
        blocks.push(Block::new());
        blocks[3].as_mut()[127] = 1 << 63;
        let mut state = 0;
        blocks.extend((0..60).map(|_| random_block(&mut state)));

        for backend in backends() {
            let argon2 = context(backend, Algorithm::Argon2id, Version::V0x13);
            for rhs in &blocks {
                for lhs in &blocks {
                    let expected = Block::compress(rhs, lhs);
                    let old = random_block(&mut state);

                    let mut out = old;
                    argon2.compress(rhs, lhs, &mut out, false);
                    assert_eq!(out.as_ref(), expected.as_ref(), "{backend:?}");

                    let mut out = old;
                    argon2.compress(rhs, lhs, &mut out, true);
                    assert_eq!(out.as_ref(), (expected ^ &old).as_ref(), "{backend:?}, xor");
                }
            }
        }
    }

    /// The vectors of RFC 9106 and of the reference implementation that `tests/kat.rs` has too,
    /// where only the fastest backend runs.
    #[test]
    fn backends_know_the_answers() {
        use {Algorithm::*, Version::*};
        #[rustfmt::skip]
        let answers = [
            (Argon2d, V0x10, hex!("96a9d4e5a1734092c85e29f410a45914a5dd1f5cbf08b2670da68a0285abf32b")),
            (Argon2i, V0x10, hex!("87aeedd6517ab830cd9765cd8231abb2e647a5dee08f7c05e02fcb763335d0fd")),
            (Argon2id, V0x10, hex!("b64615f07789b66b645b67ee9ed3b377ae350b6bfcbb0fc95141ea8f322613c0")),
            (Argon2d, V0x13, hex!("512b391b6f1162975371d30919734294f868e3be3984f3c1a13a4db9fabe4acb")),
            (Argon2i, V0x13, hex!("c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8")),
            (Argon2id, V0x13, hex!("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659")),
        ];

        for backend in backends() {
            for (algorithm, version, answer) in answers {
                let argon2 = context(backend, algorithm, version);
                let mut memory = vec![Block::new(); argon2.params().block_count()];
                let mut out = [0; 32];
                argon2
                    .hash_password_into_with_memory(&[0x01; 32], &[0x02; 16], &mut out, &mut memory)
                    .expect("a hash");
                assert_eq!(out, answer, "{backend:?}, {algorithm}, {version:?}");
            }
        }
    }
}

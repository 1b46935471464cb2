//! From what a model gives to one vector of length one for each text. Knows no model.

use worldflow_schemas::definitions::PoolingDef;

use crate::lore::embedder::MOST_DIMENSIONS;

/// A vector for each text. `dims` are the dimensions of what the model gave for texts of so many tokens, [texts, tokens]: a vector
/// for each text, or for each token. Tokens of which the mask says zero do not count.
///
/// # Errors
/// In words, when that is not what it gave.
pub(super) fn pooled(
    dims: &[i64],
    numbers: &[f32],
    [texts, tokens]: [usize; 2],
    mask: &[i64],
    pooling: PoolingDef,
) -> Result<Vec<Vec<f32>>, String> {
    let given: Vec<usize> = dims.iter().map(|dim| usize::try_from(*dim).unwrap_or(0)).collect();
    let width = given.last().copied().unwrap_or(0);
    if width > MOST_DIMENSIONS {
        return Err(format!("its vectors have more than {MOST_DIMENSIONS} numbers"));
    }
    let of_tokens = given == [texts, tokens, width];
    let vectors = if of_tokens { texts * tokens } else { texts };
    if width == 0 || !(of_tokens || given == [texts, width]) || numbers.len() != vectors * width {
        return Err(format!("for {texts} texts of {tokens} tokens it gives numbers in the form {dims:?}"));
    }
    if !of_tokens {
        return Ok(numbers.chunks_exact(width).map(<[f32]>::to_vec).collect());
    }
    let texts = numbers.chunks_exact(tokens * width).zip(mask.chunks_exact(tokens));
    Ok(texts.map(|(text, mask)| pool(text, mask, width, pooling)).collect())
}

fn pool(text: &[f32], mask: &[i64], width: usize, pooling: PoolingDef) -> Vec<f32> {
    let tokens = text.chunks_exact(width);
    if pooling == PoolingDef::Cls {
        return tokens.take(1).flatten().copied().collect();
    }
    let mut mean = vec![0.0; width];
    for (token, _) in tokens.zip(mask).filter(|(_, there)| **there != 0) {
        mean.iter_mut().zip(token).for_each(|(sum, number)| *sum += number);
    }
    // The mean points where the sum does; its length is made one anyway.
    mean
}

/// The vector of length one that points the same way.
///
/// # Errors
/// When it has no direction.
pub(super) fn unit(mut vector: Vec<f32>) -> Result<Vec<f32>, String> {
    let length = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    if !length.is_finite() || length <= f64::from(f32::EPSILON) {
        return Err("the model gives a vector without a direction".to_owned());
    }
    vector.iter_mut().for_each(|number| *number = (f64::from(*number) / length) as f32);
    Ok(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEAN: PoolingDef = PoolingDef::Mean;

    #[test]
    fn tokens_that_are_not_there_do_not_count() {
        // Two texts of at most three tokens, in two dimensions.
        let numbers = [1.0, 0.0, 0.0, 1.0, 9.0, 9.0, 2.0, 2.0, 7.0, 7.0, 7.0, 7.0];
        let mask = [1, 1, 0, 1, 0, 0];
        let of = |pooling| pooled(&[2, 3, 2], &numbers, [2, 3], &mask, pooling).expect("it is understood");
        assert_eq!(of(MEAN), [[1.0, 1.0], [2.0, 2.0]]);
        assert_eq!(of(PoolingDef::Cls), [[1.0, 0.0], [2.0, 2.0]]);
    }

    #[test]
    fn a_vector_for_each_text_is_taken_as_it_is() {
        assert_eq!(pooled(&[1, 2], &[3.0, 4.0], [1, 5], &[1; 5], MEAN), Ok(vec![vec![3.0, 4.0]]));
        let unit = unit(vec![3.0, 4.0]).expect("it has a direction");
        assert!((unit[0] - 0.6).abs() < 1e-6 && (unit[1] - 0.8).abs() < 1e-6, "{unit:?}");
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        let long = i64::try_from(MOST_DIMENSIONS).expect("it is small") + 1;
        for dims in [&[1, 3, 2][..], &[2, 2], &[1, 2, 3, 1], &[1, 0], &[1, -1], &[], &[1, long]] {
            let error = pooled(dims, &[1.0, 2.0], [1, 2], &[1, 1], MEAN).expect_err("it is not understood");
            assert!(error.contains("it gives") || error.contains("8192"), "{dims:?}: {error}");
        }
        for vector in [vec![0.0, 0.0], vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0], Vec::new()] {
            assert!(unit(vector).is_err());
        }
    }
}

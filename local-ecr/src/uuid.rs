//! Identifiers, from seeded generators, so that they repeat from run to run.

use fastrand::Rng;

/// A version 4 UUID, as EventBridge names events and ECR names uploads.
pub(crate) fn uuid(random: &mut Rng) -> String {
    let digits = format!("{:032x}", random.u128(..));
    // A version 4 UUID has a 4 as its 13th digit and, for its variant, one of 8 to b as its 17th.
    format!("{}-{}-4{}-a{}-{}", &digits[..8], &digits[8..12], &digits[13..16], &digits[17..20], &digits[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_is_of_version_4() {
        let uuid = uuid(&mut Rng::with_seed(7));
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!((&uuid[14..15], &uuid[19..20]), ("4", "a"));
    }
}

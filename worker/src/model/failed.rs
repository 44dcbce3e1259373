//! What a failed run means for its items.

use forebay_shared::job::{Failure, FailureCode};

/// How the runtime, CUDA and its libraries, and the C++ runtime say that memory was short. The runtime has no code for it.
const SHORT_OF_MEMORY: [&str; 5] =
    ["failed to allocate memory", "out of memory", "alloc_failed", "allocation_failed", "bad_alloc"];

/// What a run's error means: with fewer items, or on another worker, one that was short of memory could end differently.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
pub(crate) fn failed(error: ort::Error) -> Failure {
    meaning(&error.to_string())
}

fn meaning(error: &str) -> Failure {
    let said = error.to_ascii_lowercase();
    if SHORT_OF_MEMORY.iter().any(|words| said.contains(words)) {
        return Failure::transient(FailureCode::OutOfMemory, "the device has too little memory for the item");
    }
    Failure::permanent(FailureCode::InferenceFailed, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_memory_is_told_from_other_failures() {
        for said in [
            "Non-zero status code returned while running ConstantOfShape node. Name:'' Status Message: \
             bfc_arena.cc:376 Failed to allocate memory for requested buffer of size 4398046511104",
            "CUDA failure 2: out of memory ; GPU=0",
            "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0",
            "std::bad_alloc",
        ] {
            let failure = meaning(said);
            assert_eq!((failure.code, failure.retryable), (FailureCode::OutOfMemory, true), "{said}");
        }
        assert_eq!(meaning("Got invalid dimensions for input").code, FailureCode::InferenceFailed);
    }
}

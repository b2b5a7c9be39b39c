"""Long proofs: crashes, chaos, fuzzing, races."""

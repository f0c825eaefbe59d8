"""What the tests on the emulator of AWS share, and the benchmark of the peers."""

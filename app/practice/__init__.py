"""The practice world: simulates the official side, as a small application with the same protocols."""

"""The practice world: plays the official side, as a small application that speaks the same protocols."""

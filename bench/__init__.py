"""Claims about the product, measured: each bench says what it counted, and catches a defect planted in it."""

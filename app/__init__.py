"""かざす (Kazasu): guides a home visit's consent registration, from the doorstep to what the office has seen."""

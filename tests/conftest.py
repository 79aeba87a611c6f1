"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is no failure: what must be quick has a bench.
settings.register_profile("kazasu", deadline=None)
settings.load_profile("kazasu")

"""Checks for what would fail late, before a long run: each says what it found and what to do next."""

from survey_batch.core.findings import Finding, State
from survey_batch.doctor.diagnose import diagnose

__all__ = ["Finding", "State", "diagnose"]

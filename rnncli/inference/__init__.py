"""Sampling and scoring with a finished model. No torch at import."""

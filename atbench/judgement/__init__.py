"""Verdicts from tidy frames: paired statistics, the claims under test. It draws nothing."""

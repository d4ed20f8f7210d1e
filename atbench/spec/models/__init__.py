"""The experiment files as types: every key with its range, meaning, unit and source."""

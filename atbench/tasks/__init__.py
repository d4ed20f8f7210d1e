"""Recipes behind the command line: train a run, build a reference, evaluate cells, score foreign samples, tune."""

"""Contracts of what people add, a file for each sort: what a perturbation, sampler, objective or metric promises."""

"""Diffusion maths without networks: schedule, process, respacing, and one reverse step."""

"""The mismatch between training and sampling, measured: what the paper says that adversarial training repairs."""

"""What the Snakefile calls: jobs of a scale, times that follow contents, locks and the screen. No torch."""

"""What the experiment files say, resolved once: runs, cells, what they are judged by, what they cost."""

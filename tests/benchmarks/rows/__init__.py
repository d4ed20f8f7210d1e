"""A file each: what is compared with whom, or what grows."""

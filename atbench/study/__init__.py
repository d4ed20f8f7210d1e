"""A study of one's own: from a folder of images to a scale of the benchmark that fits them."""

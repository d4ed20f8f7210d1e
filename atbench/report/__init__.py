"""Tables, figures and overviews made from the JSON of finished cells alone: no torch, no weights."""

"""Files: written whole or not at all, read within bounds, and what DVC knows of them."""

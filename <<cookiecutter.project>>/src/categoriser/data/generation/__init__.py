"""What the generated rows are drawn from, how their texts are written, and their ceiling."""

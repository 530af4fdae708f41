"""What a column's values come to, in a form that can be merged, and the statistics of that."""

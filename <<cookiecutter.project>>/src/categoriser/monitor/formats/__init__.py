"""Files of captures, statistics, constraints and violations, in Model Monitor's forms."""

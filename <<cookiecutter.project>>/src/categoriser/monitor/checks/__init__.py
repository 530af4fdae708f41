"""One run of the monitor: what is asked, what is judged, and what was found."""

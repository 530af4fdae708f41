"""What the functions' tests share: one test's cloud, and those who call the functions in it."""

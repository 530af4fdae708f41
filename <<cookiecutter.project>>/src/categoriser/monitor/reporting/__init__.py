"""What a check found, told: files, page, terminal, and CloudWatch."""

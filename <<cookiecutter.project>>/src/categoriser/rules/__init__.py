"""What the team has decided of merchants: rules that answer before the model."""

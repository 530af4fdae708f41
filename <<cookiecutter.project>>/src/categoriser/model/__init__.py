"""The model: training, packaging, answering."""
